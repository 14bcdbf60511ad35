"""How the published findings are judged on the results; what was measured where nobody had looked."""

from collections.abc import Container, Iterable

import numpy as np
import polars as pl

from extrapolate.experiments.findings import Claim, interval_of
from extrapolate.experiments.intervals import student, success_rate
from extrapolate.experiments.neural_gpu.arithmetic.settings import AdditionSettings, ArithmeticSettings
from extrapolate.experiments.neural_gpu.arithmetic.sheets import (
    CLASSES,
    carry_name,
    family_name,
    full_name,
    random_name,
)
from extrapolate.experiments.neural_gpu.judging import exact, share_wrong
from extrapolate.experiments.old import measurement

SOURCE = "arXiv 1511.08228, table 1: the best of 729 trainings of the original Neural GPU"

#: A carry counts as failed where so large a share of its sums is wrong.
FAILED = 0.5


def claims(
    results: pl.DataFrame,
    settings: ArithmeticSettings,
    least: ArithmeticSettings,
    families: Iterable[str],
    published: Container[int],
) -> list[Claim]:
    """Exactness at every width (the source has some), seeds, and the errors of each family."""
    unjudged = _not_judged(settings, least)
    found = [_solved(results, settings, unjudged)]
    for width in settings.widths:
        found.append(
            exact(
                f"random/{width}",
                f"trained up to 20 bits, a network makes no error on random pairs of {width:,} bits (measured: share "
                "of networks)",
                f"100 % right at {width:,} bits ({SOURCE})" if width in published else None,
                results,
                random_name(width),
                unjudged,
            )
        )
        found += share_wrong(
            f"random/{width}/wrong",
            f"share of wrong answers at {width:,} bits, random pairs",
            results,
            random_name(width),
        )
    for family in families:
        for width in settings.widths[:-1]:
            text = f"share of wrong answers, family '{family}', {width} bits"
            found += share_wrong(f"{family}/{width}", text, results, family_name(family, width))
    return found


def carry_claims(results: pl.DataFrame, settings: AdditionSettings, least: ArithmeticSettings) -> list[Claim]:
    """Carries over the whole of every width, and the carry threshold."""
    unjudged = _not_judged(settings, least)
    found = [
        exact(
            f"full-carry/{width}",
            f"a network carries over all of {width:,} bits (measured: share of networks)",
            None,
            results,
            full_name(width),
            unjudged,
        )
        for width in settings.widths
    ]
    return [*found, _threshold(results, settings)]


def _solved(results: pl.DataFrame, settings: ArithmeticSettings, unjudged: str | None) -> Claim:
    rate = success_rate(int(results["solved"].sum()), results.height)
    return Claim(
        "exact-seeds",
        "networks without an error on any sheet, random or built to make them fail, up to "
        f"{settings.widths[-1]:,} bits (measured: share of seeds)",
        None,
        rate.value,
        interval_of(rate),
        rate.n,
        None,
        unjudged or f"{results['solved'].sum()} of {results.height} seeds; none was left out",
    )


def _threshold(results: pl.DataFrame, settings: AdditionSettings) -> Claim:
    """Networks that fail at no tested carry count with twice the longest one: a lower bound."""
    found = np.array(
        [threshold(row, settings) or 2 * settings.carries[-1] for row in results.to_dicts()], float
    )
    estimate = student(found)
    beyond = int((found > settings.carries[-1]).sum())
    return measurement(
        "carry-threshold",
        "shortest tested carry on which half of the sums or more are wrong, both classes together, places",
        estimate,
        f"{beyond} of {results.height} networks fail at no tested length, up to {settings.carries[-1]}: they count "
        "with twice that",
    )


def threshold(row: dict[str, int | None], settings: AdditionSettings) -> int | None:
    """The first of the tested carries that fails; None where none does."""
    for carry in settings.carries:
        names = [carry_name(kind, carry) for kind in CLASSES]
        wrong, count = (sum(row[f"{name}/{what}"] or 0 for name in names) for what in ("wrong", "of"))
        if wrong >= FAILED * count:
            return carry
    return None


def _not_judged(settings: ArithmeticSettings, least: ArithmeticSettings) -> str | None:
    if settings.steps < least.steps:
        return f"not judged: {settings.steps:,} steps instead of {least.steps:,}"
    return None
