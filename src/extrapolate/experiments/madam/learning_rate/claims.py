"""How the published findings are judged on the results; what was measured beside them."""

import math

import numpy as np
import polars as pl

from extrapolate.experiments.findings import Claim, interval_of
from extrapolate.experiments.intervals import mean_ratio
from extrapolate.experiments.madam.learning_rate import published
from extrapolate.experiments.madam.learning_rate.settings import PRESETS, LearningRateSettings

SOURCE = "arXiv 2006.14560, figure 1"

#: The rate that is to serve everything, how near it must come, and how far apart others' best rates must lie.
DEFAULT, NEAR, APART = 0.01, 1.1, 10.0

#: Mean errors of an optimizer, by problem and rate.
Errors = dict[str, dict[float, float]]


def claims(results: pl.DataFrame, settings: LearningRateSettings) -> list[Claim]:
    """The findings about each optimizer, then its best rate on every problem."""
    found, measured = [], []
    for (name,), rows in results.group_by("unit", maintain_order=True):
        optimizer, errors = str(name), _errors(rows)
        found.append(
            _near(rows, errors, settings) if optimizer == "Madam" else _apart(optimizer, errors, settings)
        )
        measured += [_best(optimizer, problem, by_rate) for problem, by_rate in errors.items()]
    return [*found, *measured]


def _errors(rows: pl.DataFrame) -> Errors:
    means = rows.group_by("operation", "rate", maintain_order=True).agg(pl.col("error").mean())
    errors: Errors = {}
    for problem, rate, error in means.iter_rows():
        errors.setdefault(str(problem), {})[float(rate)] = float(error)
    return errors


def _best_rate(by_rate: dict[float, float]) -> float:
    return min(by_rate, key=lambda rate: by_rate[rate])


def _near(rows: pl.DataFrame, errors: Errors, settings: LearningRateSettings) -> Claim:
    """By the problem on which the default rate is the farthest from the best one."""
    id, claim = (
        "Madam/one-rate",
        (
            f"with the one rate {DEFAULT:g} Madam ends within {NEAR - 1:.0%} of its own best rate on every problem "
            "(measured: error at it through error at the best, where that is largest)"
        ),
    )
    text = f"{DEFAULT:g} is its best rate of five on all five tasks ({SOURCE})"
    if any(DEFAULT not in by_rate for by_rate in errors.values()):
        return Claim(id, claim, text, None, None, 0, None, f"not judged: the rate {DEFAULT:g} was not run")
    ratios = {name: by_rate[DEFAULT] / by_rate[_best_rate(by_rate)] for name, by_rate in errors.items()}
    worst = max(ratios, key=lambda name: ratios[name])
    best = _best_rate(errors[worst])
    ratio = mean_ratio(*(_seeds(rows, worst, rate) for rate in (DEFAULT, best)))
    outside = [f"{name} ({value:.2f})" for name, value in ratios.items() if value > NEAR]
    why = f"farthest on {worst}, best at {best:g}"
    if outside:
        why = f"{len(outside)} of {len(ratios)} problems are farther off: {', '.join(outside)}; {why}"
    return _judged(
        id, claim, text, ratios[worst], interval_of(ratio), rows.height, not outside, why, settings
    )


def _seeds(rows: pl.DataFrame, problem: str, rate: float) -> np.ndarray:
    chosen = rows.filter(pl.col("operation") == problem, pl.col("rate") == rate).sort("seed")
    return chosen["error"].to_numpy()


def _apart(optimizer: str, errors: Errors, settings: LearningRateSettings) -> Claim:
    best = {problem: _best_rate(by_rate) for problem, by_rate in errors.items()}
    low, high = min(best, key=lambda name: best[name]), max(best, key=lambda name: best[name])
    spread = best[high] / best[low]
    known = published.best_rates(optimizer).values()
    return _judged(
        f"{optimizer}/rates-apart",
        f"{optimizer}'s best rates on these problems lie at least {APART:g} times apart (measured: the largest "
        "through the smallest)",
        f"{max(known) / min(known):g} times apart over five tasks ({SOURCE})",
        spread,
        None,
        len(best),
        spread >= APART * (1 - 1e-9),
        f"from {best[low]:g} on {low} to {best[high]:g} on {high}",
        settings,
    )


def _judged(
    id: str,
    claim: str,
    text: str,
    measured: float,
    interval: tuple[float, float] | None,
    n: int,
    holds: bool,
    why: str,
    settings: LearningRateSettings,
) -> Claim:
    least = PRESETS["laptop"]
    whole = settings.steps >= least.steps and set(least.problems) <= set(settings.problems)
    whole = whole and set(least.rates) <= set(settings.rates) and math.isfinite(measured)
    missing = "" if whole else "not judged: fewer problems, rates or steps than the laptop preset; "
    return Claim(id, claim, text, measured, interval, n, holds if whole else None, missing + why)


def _best(optimizer: str, problem: str, by_rate: dict[float, float]) -> Claim:
    rate = _best_rate(by_rate)
    return Claim(
        f"{optimizer}/{problem}/best-rate",
        f"{optimizer}, {problem}: best of {len(by_rate)} rates",
        None,
        rate,
        None,
        len(by_rate),
        None,
        f"error {by_rate[rate]:.4g}",
    )
