"""The targets of the search: y, its square, or its reciprocal."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from extrapolate.estimator.formula.structure import Array, Structure

#: 1/y is not a target if any |y| is at most this share of the median |y|.
NEAR_ZERO = 1e-3


@dataclass(frozen=True)
class Target:
    """The values that structures of one root explain: y; y² if y has one sign; or 1/y if y is never near zero."""

    root: int
    sign: int
    values: Array

    def structure(self, found: Structure) -> Structure:
        """Return the structure of y for a structure ``found`` for ``values``."""
        return found


@dataclass(frozen=True)
class Reciprocal(Target):
    """1/y as the target: a sum of products for 1/y is the denominator of a fraction for y."""

    def structure(self, found: Structure) -> Structure:
        one = tuple(Fraction(0) for _ in found.numerator[0])
        return Structure.of(found.denominator or [one], found.numerator)

    @classmethod
    def of(cls, y: Array) -> "Reciprocal | None":
        """Return the target, or None if y comes near zero: a few rows would then dominate 1/y."""
        size = np.abs(y)
        return None if size.min() <= NEAR_ZERO * np.median(size) else cls(1, 1, 1 / y)


def targets(y: Array, sample: Array) -> list[Target]:
    """Return y, and y² if all of ``y`` has one sign, as targets with the values of ``sample``."""
    found = [Target(1, 1, sample)]
    if (y >= 0).all() or (y <= 0).all():
        found.append(Target(2, 1 if sample.max() > 0 else -1, sample * sample))
    return found
