"""Findings on functions of two sums, from the scores of models and from the share that solves them.

A score is 100 × the error ÷ the error before training. The published numbers are quoted from memory by others and
could not be read again: every claim on them says so.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np
import polars as pl

from extrapolate.experiments import summary
from extrapolate.experiments.findings import Finding, Found, above, below, of, share_of
from extrapolate.stats import Estimate, difference_of_rates, student
from extrapolate.tasks import SUM_FUNCTIONS

TABLE = "arXiv 1808.00508, table 1, as quoted, unverified"
SEEDS = "arXiv 2001.05016"

#: Below this a score prints as the published 0.0.
VANISHED = 0.05

#: Bounds that scores are clipped to; the published table gives no score above "> 999" either.
LEAST_SCORE, GREATEST_SCORE = 1e-3, 1e3

#: The functions that a NAU and an NMU can represent one after the other.
NMU_FUNCTIONS = ("add", "sub", "mul", "square")

#: What a score is, by its column.
SCORES = {
    "interpolation": "100 × its error ÷ that before training, in the training range",
    "extrapolation": "100 × its error ÷ that before training, outside the training range",
}


def powers(rows: pl.DataFrame, column: str) -> np.ndarray:
    """Scores as powers of ten; NaN counts as the greatest."""
    scores = np.nan_to_num(rows[column].to_numpy(), nan=GREATEST_SCORE, posinf=GREATEST_SCORE)
    return np.log10(np.clip(scores, LEAST_SCORE, GREATEST_SCORE))


def geometric_mean(powers_of_ten: np.ndarray) -> Estimate:
    power = student(powers_of_ten)
    value, low, high = (None if each is None else 10**each for each in (power.value, power.low, power.high))
    return Estimate(value, low, high, power.n)


def summarize(results: pl.DataFrame) -> pl.DataFrame:
    """Success rates, and the geometric means of the scores, by model and function."""
    lines = []
    for key, rows in results.group_by("unit", "operation", "range", maintain_order=True):
        for column in SCORES:
            mean = geometric_mean(powers(rows, column))
            lines.append((*key, column, mean.value, mean.low, mean.high, mean.n))
    means = pl.DataFrame(lines, schema=summary.SCHEMA, orient="row")
    return pl.concat([summary.summarize(results), means])


def published_score(model: str, function: str, column: str, published: float) -> Finding:
    """A published 0.0 must print as 0.0 here, a published error must not; in between nothing is judged."""
    vanishes = published < VANISHED
    rule = f"vanishes: below {VANISHED:g}" if vanishes else f"does not: above {VANISHED:g}"
    labels = {"unit": model, "function": function}
    return Finding(
        f"{model}/{function}/{column}",
        f"{model}, {SUM_FUNCTIONS[function].formula}: {SCORES[column]} ({rule})",
        published,
        of(partial(powers, column=column), labels, estimate=geometric_mean),
        below(VANISHED) if vanishes else above(VANISHED) if published >= 1 else None,
        f"published: {TABLE}",
    )


def published_scores(column: str, table: Mapping[str, Mapping[str, float]]) -> Iterator[Finding]:
    """Of a table by function and model."""
    for function, row in table.items():
        for model, published in row.items():
            yield published_score(model, function, column, published)


def _lead(own: pl.DataFrame, *others: pl.DataFrame) -> np.ndarray:
    """Seed by seed, how many powers of ten the extrapolation score lies below the least of the others."""
    least = np.min([powers(each, "extrapolation") for each in others], 0)
    return least - powers(own, "extrapolation")


def nearer(model: str, others: Sequence[str], functions: Sequence[str], published: str) -> Iterator[Finding]:
    """``model`` extrapolates with a smaller error than each of ``others``, function by function."""
    for function in functions:
        groups = [{"unit": name, "function": function} for name in (model, *others)]
        yield Finding(
            f"{model}/{function}/nearer-than-{'-'.join(others)}",
            f"{SUM_FUNCTIONS[function].formula}, extrapolated: {model} comes nearer than {' or '.join(others)} "
            "(measured: powers of ten between its score and the best of theirs)",
            published,
            of(_lead, *groups),
            above(0),
        )


def solved(results: pl.DataFrame, model: str, functions: Sequence[str]) -> Estimate | None:
    """The share of a model's replicas that solve one of these functions; None if one of them was not run."""
    rows = results.filter(pl.col("function").is_in(functions), unit=model)
    return share_of(rows) if rows["function"].n_unique() == len(functions) else None


def success(unsolved: Sequence[str]) -> Iterator[Finding]:
    """NALU succeeds from few seeds (``unsolved``: functions it was published to learn), NAU→NMU from more."""

    def gain(results: pl.DataFrame) -> Found | None:
        ours, theirs = (solved(results, model, NMU_FUNCTIONS) for model in ("NAU-NMU", "NALU"))
        if ours is None or theirs is None:
            return None
        return Found(
            difference_of_rates(ours, theirs), f"solved: NAU→NMU {ours.value:.0%}, NALU {theirs.value:.0%}"
        )

    yield Finding(
        "NALU/fails-with-most-seeds",
        f"NALU solves fewer than half of its models, over {_formulas(unsolved)}",
        f"its success over seeds is far lower than its table of scores says ({SEEDS})",
        partial(solved, model="NALU", functions=unsolved),
        below(0.5),
    )
    yield Finding(
        "NAU-NMU/solves-more-than-NALU",
        f"NAU→NMU solves a larger share of its models than NALU, over {_formulas(NMU_FUNCTIONS)} (measured: the "
        "difference)",
        f"NAU and NMU converge for more seeds than NALU ({SEEDS})",
        gain,
        above(0),
    )


def _formulas(functions: Sequence[str]) -> str:
    return ", ".join(SUM_FUNCTIONS[name].formula for name in functions)
