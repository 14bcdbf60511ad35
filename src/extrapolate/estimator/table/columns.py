"""The exponents that a column allows: no negative power of a zero, no even root of a negative number."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from extrapolate.estimator.formula.structure import Array

#: Exponents to which a trained weight is rounded first, before other fractions are tried.
LATTICE = tuple(
    Fraction(p, q) for p, q in ((-3, 1), (-2, 1), (-1, 1), (-1, 2), (0, 1), (1, 2), (1, 1), (3, 2), (2, 1), (3, 1))
)


@dataclass(frozen=True)
class Column:
    """The properties of an input column that the search uses.

    Attributes:
        scale: the median magnitude of its nonzero values; 1 if there are none.
        constant: whether it is constant, or proportional to an earlier column; no formula needs it.
        negative, zero: whether such values occur.
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
        """Return the allowed exponent nearest to ``exponent``."""
        return min((each for each in choices if self.allows(each)), key=lambda each: abs(float(each) - exponent))


def describe(x: Array) -> tuple[Column, ...]:
    """Return the properties of each column of x (N, I)."""
    columns = [Column.of(values) for values in x.T]
    seen: dict[bytes, int] = {}
    for index, values in enumerate(x.T):
        if seen.setdefault(_direction(values), index) != index:
            columns[index] = replace(columns[index], constant=True)
    return tuple(columns)


def _direction(values: Array) -> bytes:
    """Return a key that is equal for columns that are multiples of each other, up to rounding."""
    largest = values[np.argmax(np.abs(values))] or 1.0
    return np.round(values / largest, 12).tobytes()
