"""The published 95 % intervals: success rates, steps to solve, sparsity errors (Madsen & Johansen 2020)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special, stats

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A value, its interval and the number of models behind it; all None where there is no model."""

    value: float | None
    low: float | None
    high: float | None
    n: int


NOTHING = Estimate(None, None, None, 0)


def success_rate(successes: int, n: int) -> Estimate:
    """A share with Wilson's interval."""
    if n == 0:
        return NOTHING
    interval = stats.binomtest(successes, n).proportion_ci(CONFIDENCE, method="wilson")
    return Estimate(successes / n, float(interval.low), float(interval.high), n)


def mean_of_positive(values: Sequence[float]) -> Estimate:
    """A mean with the profile-likelihood interval of a Gamma; Student's where that cannot be fitted."""
    return _profiled(np.asarray(values, float), _gamma_profile)


def mean_of_sparsity(values: Sequence[float]) -> Estimate:
    """A mean with the profile-likelihood interval of a Beta scaled to [0, 0.5]; Student's as above."""
    scaled = _profiled(np.asarray(values, float) / 0.5, _beta_profile)
    value, low, high = (
        None if each is None else each * 0.5 for each in (scaled.value, scaled.low, scaled.high)
    )
    return Estimate(value, low, high, scaled.n)


def student(values: np.ndarray) -> Estimate:
    """A mean with Student's t interval; of one value, the value alone."""
    n, mean = len(values), float(np.mean(values))
    if n == 1 or np.ptp(values) == 0:
        return Estimate(mean, mean if n > 1 else None, mean if n > 1 else None, n)
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1) * stats.sem(values))
    return Estimate(mean, mean - reach, mean + reach, n)


# A profile gives, for one value of the mean, the highest log-likelihood over the other parameter.
_Profile = Callable[[float], float]


def _highest(log_likelihood: Callable[[float], float]) -> float:
    """The highest value over the logarithm of a shape or precision."""
    found = optimize.minimize_scalar(lambda t: -log_likelihood(np.exp(t)), bounds=(-8, 25), method="bounded")
    return -float(found.fun)


def _gamma_profile(values: np.ndarray) -> tuple[_Profile, float, float] | None:
    if values.min() <= 0:
        return None
    n, total, logs = len(values), values.sum(), np.log(values).sum()

    def profile(mean: float) -> float:
        return _highest(
            lambda k: n * (k * np.log(k / mean) - special.gammaln(k)) + (k - 1) * logs - k * total / mean
        )

    mean = float(values.mean())
    return profile, mean * 1e-3, mean * 1e3


def _beta_profile(values: np.ndarray) -> tuple[_Profile, float, float] | None:
    if values.min() <= 0 or values.max() >= 1:
        return None
    n, logs, tails = len(values), np.log(values).sum(), np.log1p(-values).sum()

    def profile(mean: float) -> float:
        def log_likelihood(precision: float) -> float:
            a, b = mean * precision, (1 - mean) * precision
            return float((a - 1) * logs + (b - 1) * tails - n * special.betaln(a, b))

        return _highest(log_likelihood)

    return profile, 1e-12, 1 - 1e-12


def _profiled(
    values: np.ndarray, family: Callable[[np.ndarray], tuple[_Profile, float, float] | None]
) -> Estimate:
    if len(values) == 0:
        return NOTHING
    fitted = family(values) if len(values) > 2 and np.ptp(values) > 0 else None
    if fitted is None:
        return student(values)
    profile, lowest, highest = fitted
    top = optimize.minimize_scalar(lambda mean: -profile(mean), bounds=_around(values), method="bounded")
    estimate, best = float(top.x), -float(top.fun)
    limit = stats.chi2.ppf(CONFIDENCE, 1) / 2

    def excess(mean: float) -> float:
        return best - profile(mean) - limit

    try:
        low = float(optimize.brentq(excess, lowest, estimate))
        high = float(optimize.brentq(excess, estimate, highest))
    except ValueError:  # the likelihood is too flat to leave the interval's region: no fit
        return student(values)
    return Estimate(estimate, low, high, len(values))


def _around(values: np.ndarray) -> tuple[float, float]:
    """The likeliest mean of either family lies between the smallest and the largest value."""
    return float(values.min()), float(values.max())
