"""How the published findings are judged on the results; what was measured beside them."""

from collections.abc import Iterator

import numpy as np
import polars as pl

from extrapolate.experiments.findings import Claim, interval_of
from extrapolate.experiments.functions.published import SEEDS, TABLE, Comparison, Findings
from extrapolate.experiments.functions.settings import FunctionsSettings
from extrapolate.experiments.intervals import Estimate, difference_of_rates, student, success_rate
from extrapolate.experiments.old import measurement
from extrapolate.tasks import SUM_FUNCTIONS

#: Below this a score prints as the published 0.0.
VANISHED = 0.05

#: What a score counts as at the least and at the most; the published table says no more than "> 999" either.
LEAST_SCORE, GREATEST_SCORE = 1e-3, 1e3

#: The functions that a NAU and an NMU can represent one after the other.
NMU_FUNCTIONS = ("add", "sub", "mul", "square")

#: What a score is, by its column.
_LABELS = {
    "interpolation": "100 × its error ÷ that of the untrained, in the range of the training",
    "extrapolation": "100 × its error ÷ that of the untrained, beyond the range of the training",
}

Groups = dict[tuple[str, str], pl.DataFrame]


def claims(
    results: pl.DataFrame, settings: FunctionsSettings, presets: dict[str, FunctionsSettings], found: Findings
) -> list[Claim]:
    """The findings about the models that were run, then every measurement by model and function."""
    groups: Groups = {
        (str(unit), str(function)): rows.sort("seed")
        for (unit, function), rows in results.group_by("unit", "function", maintain_order=True)
    }
    judge = _Judge(settings, presets["laptop"], presets["paper"])
    return [
        *judge.scores(groups, found),
        *(each for comparison in found.comparisons for each in judge.comparison(groups, comparison)),
        *judge.success(groups, found),
        *_measurements(groups),
    ]


def _powers(rows: pl.DataFrame, column: str) -> np.ndarray:
    """Scores as powers of ten, one that is no number as the greatest."""
    scores = np.nan_to_num(rows[column].to_numpy(), nan=GREATEST_SCORE, posinf=GREATEST_SCORE)
    return np.log10(np.clip(scores, LEAST_SCORE, GREATEST_SCORE))


def _score(rows: pl.DataFrame, column: str) -> Estimate:
    """The geometric mean over seeds."""
    power = student(_powers(rows, column))
    value, low, high = (None if each is None else 10**each for each in (power.value, power.low, power.high))
    return Estimate(value, low, high, power.n)


def _rate(rows: list[pl.DataFrame]) -> Estimate:
    return success_rate(sum(int(each["solved"].sum()) for each in rows), sum(each.height for each in rows))


def _share(rate: Estimate) -> float:
    return rate.value or 0.0


def _formulas(functions: tuple[str, ...]) -> str:
    return ", ".join(SUM_FUNCTIONS[name].formula for name in functions)


class _Judge:
    """Judges what was trained at least as long as ``least``; tells how far that is from the ``published``."""

    def __init__(
        self, settings: FunctionsSettings, least: FunctionsSettings, published: FunctionsSettings
    ) -> None:
        self.enough = settings.steps >= least.steps and settings.in_features >= least.in_features
        self.cut = _cut_short(settings, published)

    def scores(self, groups: Groups, found: Findings) -> Iterator[Claim]:
        """A claim for each published score of what was run."""
        for measure, table in found.scores.items():
            for function, row in table.items():
                for model, published in row.items():
                    if (model, function) in groups:
                        yield self._beside(model, function, measure, published, groups[model, function])

    def _beside(self, model: str, function: str, measure: str, published: float, rows: pl.DataFrame) -> Claim:
        """0.0 must come out below what prints so, a published error as one."""
        score = _score(rows, measure)
        holds = None
        if score.high is not None and published < VANISHED:
            holds = score.high < VANISHED
        elif score.low is not None and published >= 1:
            holds = score.low > VANISHED
        rule = f"vanishes: below {VANISHED:g}" if published < VANISHED else f"does not: above {VANISHED:g}"
        return self._claim(
            f"{model}/{function}/{measure}",
            f"{model}, {_formulas((function,))}: {_LABELS[measure]} ({rule})",
            published,
            score,
            holds,
            f"{int(rows['solved'].sum())} of {rows.height} models solve it; published: {TABLE}",
        )

    def comparison(self, groups: Groups, one: Comparison) -> Iterator[Claim]:
        """Function by function, how many powers of ten nearer than the best of the others at the same seed."""
        for function in one.functions:
            names = (one.model, *one.others)
            if not all((name, function) in groups for name in names):
                continue
            powers = {name: _powers(groups[name, function], "extrapolation") for name in names}
            gain = student(np.min([powers[name] for name in one.others], 0) - powers[one.model])
            scores = {name: _score(groups[name, function], "extrapolation").value or 0.0 for name in names}
            yield self._claim(
                f"{one.model}/{function}/nearer-than-{'-'.join(one.others)}",
                f"{_formulas((function,))}, extrapolated: {one.model} comes nearer than {' or '.join(one.others)} "
                "(measured: powers of ten between its score and the best of theirs)",
                one.published,
                gain,
                None if gain.low is None else gain.low > 0,
                "scores: " + ", ".join(f"{name} {score:.2g}" for name, score in scores.items()),
            )

    def success(self, groups: Groups, found: Findings) -> Iterator[Claim]:
        """How few seeds of NALU succeed, and that NAU and NMU succeed more often."""
        if all(("NALU", name) in groups for name in found.unsolved):
            rate = _rate([groups["NALU", name] for name in found.unsolved])
            yield self._claim(
                "NALU/fails-with-most-seeds",
                f"NALU solves fewer than half of its models, over {_formulas(found.unsolved)}",
                f"its success over seeds is far lower than its table of scores says ({SEEDS})",
                rate,
                rate.high is not None and rate.high < 0.5,
                f"solved: {_share(rate):.0%}",
            )
        pair = "NAU-NMU", "NALU"
        if all((model, name) in groups for model in pair for name in NMU_FUNCTIONS):
            rates = [_rate([groups[model, name] for name in NMU_FUNCTIONS]) for model in pair]
            gain = difference_of_rates(*rates)
            yield self._claim(
                "NAU-NMU/solves-more-than-NALU",
                f"NAU→NMU solves a larger share of its models than NALU, over {_formulas(NMU_FUNCTIONS)} (measured: "
                "the difference)",
                f"NAU and NMU converge for more seeds than NALU ({SEEDS})",
                gain,
                gain.low is not None and gain.low > 0,
                f"solved: NAU→NMU {_share(rates[0]):.0%}, NALU {_share(rates[1]):.0%}",
            )

    def _claim(
        self, id: str, claim: str, published: str | float, measured: Estimate, holds: bool | None, told: str
    ) -> Claim:
        judged = holds if self.enough else None
        why = "; ".join(filter(None, ["not judged" if judged is None else "", told, self.cut]))
        return Claim(
            id, claim, published, measured.value, interval_of(measured), measured.n, judged, why or None
        )


def _cut_short(settings: FunctionsSettings, published: FunctionsSettings) -> str:
    short = []
    if settings.steps < published.steps:
        short.append(f"{settings.steps:,} of {published.steps:,} steps")
    if settings.in_features < published.in_features:
        short.append(f"{settings.in_features} inputs instead of {published.in_features}")
    if settings.epsilon > published.epsilon:
        short.append(f"solved: weights {settings.epsilon:g} off instead of {published.epsilon:g}")
    if settings.seeds < published.seeds:
        short.append(f"{settings.seeds} of {published.seeds} seeds")
    return f"cut short: {', '.join(short)}" if short else ""


def _measurements(groups: Groups) -> list[Claim]:
    lines = []
    for (model, function), rows in groups.items():
        formula = SUM_FUNCTIONS[function].formula
        for measure, label in _LABELS.items():
            lines.append(
                measurement(
                    f"{model}/{function}/{measure}-score",
                    f"{model}, {formula}: {label} (geometric mean)",
                    _score(rows, measure),
                )
            )
        rate = _rate([rows])
        lines.append(
            measurement(
                f"{model}/{function}/success_rate", f"{model}, {formula}: share of models that solve it", rate
            )
        )
    return lines
