"""What the values of a column allow: no negative power of a zero, no even root of a negative number."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from extrapolate.estimator._structure import Array

#: The exponents a snapped weight may take before free rational ones are tried.
LATTICE = tuple(
    Fraction(p, q)
    for p, q in ((-3, 1), (-2, 1), (-1, 1), (-1, 2), (0, 1), (1, 2), (1, 1), (3, 2), (2, 1), (3, 1))
)


@dataclass(frozen=True)
class Column:
    """One input column as the search sees it.

    Attributes:
        scale: the median magnitude of its values that are not zero; 1 if all are.
        constant, negative, zero: what occurs in it.
    """

    scale: float
    constant: bool
    negative: bool
    zero: bool

    @classmethod
    def of(cls, values: Array) -> "Column":
        magnitudes = np.abs(values[values != 0])
        return cls(
            scale=float(np.median(magnitudes)) if len(magnitudes) else 1.0,
            constant=bool(np.ptp(values) == 0),
            negative=bool((values < 0).any()),
            zero=bool((values == 0).any()),
        )

    def allows(self, exponent: Fraction) -> bool:
        if exponent == 0:
            return True
        if self.constant or (self.zero and exponent < 0):
            return False
        return not self.negative or exponent.denominator % 2 == 1

    def nearest(self, exponent: float, choices: Sequence[Fraction] = LATTICE) -> Fraction:
        """The allowed exponent nearest to ``exponent``."""
        return min(
            (each for each in choices if self.allows(each)), key=lambda each: abs(float(each) - exponent)
        )


def describe(x: Array) -> tuple[Column, ...]:
    return tuple(Column.of(x[:, index]) for index in range(x.shape[1]))
