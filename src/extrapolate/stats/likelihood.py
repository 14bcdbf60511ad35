"""Profile likelihood of the mean of a Gamma or a Beta distribution."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize, special


@dataclass(frozen=True)
class Profile:
    """The profile log-likelihood ``at(z)`` of a mean: the maximum over the other parameter of the family.

    ``z`` is the mean on an unbounded scale (logarithm or logit; ``mean(z)`` converts it back). Means near a bound
    of their range are then resolved as finely as others. ``top``: z of the most likely mean.
    """

    at: Callable[[float], float]
    top: float
    mean: Callable[[float], float]

    @property
    def likeliest(self) -> float:
        """The mean with the highest likelihood."""
        return self.mean(self.top)

    def interval(self, confidence: float) -> tuple[float, float] | None:
        """Return the range of means that a likelihood-ratio test accepts; None if the likelihood is too flat."""
        lowest = self.at(self.top) - float(special.chdtri(1, 1 - confidence)) / 2
        left, right = self._where_below(lowest, -1), self._where_below(lowest, 1)
        return None if left is None or right is None else (self.mean(left), self.mean(right))

    def _where_below(self, lowest: float, direction: int) -> float | None:
        """Return the z on one side of the top at which the log-likelihood has fallen to ``lowest``."""

        def lacking(reach: float) -> float:
            return lowest - self.at(self.top + direction * reach)

        reach = 1e-3
        while lacking(reach) < 0:
            if reach > 300:
                return None
            reach *= 2
        found: Any = optimize.root_scalar(lacking, bracket=(0.0, reach))
        return self.top + direction * float(found.root)


def gamma_profile(values: np.ndarray) -> Profile | None:
    """Return the profile of a Gamma with z = log(mean / sample mean); None if a value is not above 0.

    The sample mean is the most likely mean. With shape k the mean log-likelihood is, up to a constant,
    k·log k - k - log Γ(k) - k·D with D = e^-z - 1 + z - mean log(x / sample mean).
    """
    if values.min() <= 0:
        return None
    n, middle = len(values), float(values.mean())
    logs = float(np.log(values / middle).mean())

    def at(z: float) -> float:
        distance = math.expm1(-z) + z - logs
        return n * _highest(lambda k: k * math.log(k) - k - float(special.gammaln(k)) - k * distance)

    return Profile(at, 0.0, lambda z: middle * math.exp(z))


def beta_profile(values: np.ndarray) -> Profile | None:
    """Return the profile of a Beta with z = logit(mean); None if a value is not in (0, 1).

    The other parameter is the smaller of the two shapes.
    """
    if values.min() <= 0 or values.max() >= 1:
        return None
    n, logs, tails = len(values), float(np.log(values).mean()), float(np.log1p(-values).mean())

    def at(z: float) -> float:
        to_larger = max(math.exp(z), math.exp(-z))

        def log_likelihood(smaller: float) -> float:
            a, b = (smaller, smaller * to_larger) if z < 0 else (smaller * to_larger, smaller)
            return (a - 1) * logs + (b - 1) * tails - float(special.betaln(a, b))

        return n * _highest(log_likelihood)

    # the most likely mean is between the smallest and the largest value
    low, high = (float(special.logit(value)) for value in (values.min(), values.max()))
    top, _ = _lowest(lambda z: -at(z), low, high)
    return Profile(at, top, lambda z: float(special.expit(z)))


PROFILES = {"gamma": gamma_profile, "beta": beta_profile}


def _highest(log_likelihood: Callable[[float], float]) -> float:
    """Return the maximum over a shape parameter, searched on a logarithmic scale."""
    return -_lowest(lambda t: -log_likelihood(math.exp(t)), -8.0, 25.0)[1]


def _lowest(function: Callable[[float], float], low: float, high: float) -> tuple[float, float]:
    """Return the point in [low, high] at which a function is lowest, and its value there."""
    found: Any = optimize.minimize_scalar(function, bounds=(low, high), method="bounded")
    return float(found.x), float(found.fun)
