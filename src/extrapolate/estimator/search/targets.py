"""What structures are sought for: the target itself, its square, or its reciprocal."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from extrapolate.estimator.formula.structure import Array, Structure

#: Share of its median size below which some y is too near zero to be divided by.
NEAR_ZERO = 1e-3


@dataclass(frozen=True)
class Target:
    """What the structures of one root explain: y; y² where y has one sign; or 1/y where it is never zero."""

    root: int
    sign: int
    values: Array

    def structure(self, found: Structure) -> Structure:
        """The structure for y from one for ``values``."""
        return found


@dataclass(frozen=True)
class Reciprocal(Target):
    """1/y: a sum of products there is a fraction whose whole sum stands below."""

    def structure(self, found: Structure) -> Structure:
        one = tuple(Fraction(0) for _ in found.numerator[0])
        return Structure.of(found.denominator or [one], found.numerator)

    @classmethod
    def of(cls, y: Array) -> "Reciprocal | None":
        """None where y comes near zero: 1/y is then ruled by the few rows that do."""
        size = np.abs(y)
        return None if size.min() <= NEAR_ZERO * np.median(size) else cls(1, 1, 1 / y)


def targets(y: Array, sample: Array) -> list[Target]:
    """y, and y² where all of ``y`` has one sign; with the values of ``sample``."""
    found = [Target(1, 1, sample)]
    if (y >= 0).all() or (y <= 0).all():
        found.append(Target(2, 1 if sample.max() > 0 else -1, sample * sample))
    return found
