"""The published 95 % intervals: success rates, steps to solve, sparsity errors (Madsen & Johansen 2020)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A value, its interval and the number of models ``n``. Without models, value and interval are None."""

    value: float | None
    low: float | None
    high: float | None
    n: int


#: The estimate from no models.
NOTHING = Estimate(None, None, None, 0)


def success_rate(successes: int, n: int) -> Estimate:
    """Return the success rate with Wilson's interval."""
    if n == 0:
        return NOTHING
    rate, z = successes / n, NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    middle = (rate + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z / (1 + z**2 / n) * math.sqrt(rate * (1 - rate) / n + z**2 / (4 * n**2))
    # If none or all succeed, the bound is exactly 0 or 1; rounding must not move it.
    low = 0.0 if successes == 0 else middle - reach
    high = 1.0 if successes == n else middle + reach
    return Estimate(rate, low, high, n)


def difference_of_rates(first: Estimate, second: Estimate) -> Estimate:
    """Return ``first`` - ``second``, with Newcombe's interval from Wilson's of both (Newcombe 1998, method 10)."""
    p, q = first.value, second.value
    if p is None or q is None:
        return NOTHING
    ends = [end for each in (first, second) for end in (each.low, each.high) if end is not None]
    low, high, other_low, other_high = ends
    return Estimate(
        p - q,
        p - q - math.hypot(p - low, other_high - q),
        p - q + math.hypot(high - p, q - other_low),
        first.n + second.n,
    )


def mean_of_positive(values: Sequence[float]) -> Estimate:
    """Return the mean of positive values. The interval is the profile-likelihood interval of a Gamma distribution.

    If a Gamma cannot be fitted, it is Student's t interval.
    """
    return _profile_interval(np.asarray(values, float), "gamma")


def mean_of_sparsity(values: Sequence[float]) -> Estimate:
    """Return the mean of values in [0, 0.5]. The interval is the profile-likelihood interval of a scaled Beta.

    If a Beta cannot be fitted, it is Student's t interval.
    """
    scaled = _profile_interval(np.asarray(values, float) / 0.5, "beta")
    value, low, high = (None if each is None else each * 0.5 for each in (scaled.value, scaled.low, scaled.high))
    return Estimate(value, low, high, scaled.n)


def _profile_interval(values: np.ndarray, family: Literal["gamma", "beta"]) -> Estimate:
    if len(values) == 0:
        return NOTHING
    if len(values) < 3 or np.ptp(values) == 0:
        return student(values)
    # scipy is slow to import, so only this function does it
    from extrapolate.stats import likelihood

    profile = likelihood.PROFILES[family](values)
    interval = profile and profile.interval(CONFIDENCE)
    if profile is None or interval is None:
        return student(values)
    return Estimate(profile.likeliest, *interval, len(values))


def student(values: np.ndarray) -> Estimate:
    """Return the mean with Student's t interval; one value has no interval."""
    n, mean = len(values), float(np.mean(values))
    if n == 1:
        return Estimate(mean, None, None, n)
    if np.ptp(values) == 0:
        return Estimate(mean, mean, mean, n)
    from scipy import special

    error = float(np.std(values, ddof=1)) / math.sqrt(n)
    reach = float(special.stdtrit(n - 1, (1 + CONFIDENCE) / 2)) * error
    return Estimate(mean, mean - reach, mean + reach, n)


def mean_ratio(first: np.ndarray, second: np.ndarray) -> Estimate:
    """Return the geometric mean of ``first / second`` (paired), with Student's t interval of its logarithm."""
    logs = student(np.log(first) - np.log(second))
    value, low, high = (None if each is None else math.exp(each) for each in (logs.value, logs.low, logs.high))
    return Estimate(value, low, high, logs.n)
