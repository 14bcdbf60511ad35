"""A formula without its coefficients: y = root(Σ c_k m_k(x) / Σ d_l m_l(x)), where each m is a power product."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: One exponent per column: (1, 0, -1/2) is a/sqrt(c).
Monomial = tuple[Fraction, ...]


def power(x: Array, exponent: Fraction) -> Array:
    """Return x^e. For negative x: the real root if the denominator of e is odd, NaN if it is even."""
    if exponent.denominator == 1:
        return np.power(x, float(exponent.numerator))
    if exponent.denominator == 2 and exponent.numerator == 1:
        return np.sqrt(x)
    value = np.power(np.abs(x), float(exponent))
    if exponent.denominator % 2 == 0:
        return np.where(x < 0, np.nan, value)
    return np.sign(x) * value if exponent.numerator % 2 else value


def evaluate(monomials: Iterable[Monomial], x: Array) -> Array:
    """Return the values (N, K) of K monomials on x (N, I)."""
    columns = []
    for monomial in monomials:
        value = np.ones(len(x))
        for index, exponent in enumerate(monomial):
            if exponent:
                value = value * power(x[:, index], exponent)
        columns.append(value)
    return np.stack(columns, 1) if columns else np.empty((len(x), 0))


def exponent_cost(exponent: Fraction) -> float:
    """Return the cost of an exponent in nats: 1 costs least; a minus sign, size and denominator cost more."""
    size = math.log2(abs(exponent.numerator)) + 1.5 * math.log2(exponent.denominator)
    return 0.5 + size + (0.7 if exponent < 0 else 0.0)


def monomial_cost(monomial: Monomial) -> float:
    """Return the nats that encode which columns a monomial has, and their exponents."""
    choice = math.log(len(monomial))
    return sum((choice + exponent_cost(exponent) for exponent in monomial if exponent), start=0.5)


def divide(monomial: Monomial, by: Monomial) -> Monomial:
    return tuple(a - b for a, b in zip(monomial, by, strict=True))


@dataclass(frozen=True)
class Structure:
    """y = sign · (Σ_k c_k N_k(x) / Σ_l d_l D_l(x))^(1/root), d_1 = 1; without denominator, the numerator alone.

    Attributes:
        numerator, denominator: monomials in a fixed order; the denominator is empty or has at least two.
        root: 1 or 2.
        sign: 1 or -1, of the root.
    """

    numerator: tuple[Monomial, ...]
    denominator: tuple[Monomial, ...] = ()
    root: int = 1
    sign: int = 1

    @classmethod
    def of(
        cls, numerator: Iterable[Monomial], denominator: Iterable[Monomial] = (), root: int = 1, sign: int = 1
    ) -> "Structure":
        """Return the canonical form: no duplicate monomials, no negative exponents in a true fraction."""
        above, below = set(numerator), set(denominator)
        if len(below) == 1:
            (only,) = below
            above, below = {divide(monomial, only) for monomial in above}, set()
        if below:
            lowest = tuple(min(column) for column in zip(*above, *below, strict=True))
            above = {divide(monomial, lowest) for monomial in above}
            below = {divide(monomial, lowest) for monomial in below}
        return cls(tuple(sorted(above)), tuple(sorted(below)), root, sign)

    @cached_property
    def cost(self) -> float:
        """Description length of the structure in nats, without its coefficients."""
        terms = [*self.numerator, *self.denominator]
        return (
            sum(monomial_cost(monomial) for monomial in terms) + 2.0 * (self.root != 1) + 1.0 * len(self.denominator)
        )

    @property
    def free_coefficients(self) -> int:
        return len(self.numerator) + max(0, len(self.denominator) - 1)

    @cached_property
    def complexity(self) -> int:
        """Number of coefficients, columns and exponents that a reader sees."""
        terms = [*self.numerator, *self.denominator]
        parts = sum(1 + sum((e != 0) + (abs(e) != 1 and e != 0) for e in monomial) for monomial in terms)
        return parts + (self.root != 1)

    def value(self, x: Array, above: Array, below: Array) -> Array:
        """Return y (N,) on x (N, I) with these coefficients; NaN where y is not finite."""
        with np.errstate(all="ignore"):
            value = evaluate(self.numerator, x) @ above
            if self.denominator:
                value = value / (evaluate(self.denominator, x) @ below)
            if self.root != 1:
                value = self.sign * np.sqrt(value)
        return np.where(np.isfinite(value), value, np.nan)

    def columns(self) -> list[int]:
        """Return the indices of the columns that occur."""
        terms = [*self.numerator, *self.denominator]
        return sorted({index for monomial in terms for index, exponent in enumerate(monomial) if exponent})
