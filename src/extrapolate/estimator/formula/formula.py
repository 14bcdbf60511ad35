"""A structure with its coefficients: it predicts, prints as sympy, and evaluates in exact fractions."""

import keyword
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import cast

import numpy as np
import sympy

from extrapolate.estimator.formula.structure import Array, Monomial, Structure
from extrapolate.inspect.exact_rational import Domain, UndefinedError, power


@dataclass(frozen=True)
class Coefficient:
    """One real coefficient of a formula.

    Attributes:
        term: the power product it multiplies, over the column symbols; "1" for a constant.
        part: "numerator" or "denominator".
        value: the number that the formula uses.
        refit: the least-squares estimate.
        standard_error: of ``refit``; 0 for a coefficient that the choice of scale fixes.
        symbolic: ``value`` in sympy: a neat constant, or a float.
    """

    term: str
    part: str
    value: float
    refit: float
    standard_error: float
    symbolic: sympy.Expr


@dataclass(frozen=True)
class Formula:
    """y = sign · (Σ c_k N_k / Σ d_l D_l)^(1/root); the coefficients are in the order of the structure's terms."""

    structure: Structure
    above: tuple[Coefficient, ...]
    below: tuple[Coefficient, ...]

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        return self.above + self.below

    def predict(self, x: Array) -> Array:
        """Return y (N,) for x (N, I); NaN where the formula is undefined."""
        above, below = (np.array([each.value for each in part]) for part in (self.above, self.below))
        return self.structure.value(x, above, below)

    def expression(self, symbols: Sequence[sympy.Symbol]) -> sympy.Expr:
        """Return the formula over ``symbols``, one per column."""
        above = _sum(self.above, self.structure.numerator, symbols)
        if self.below:
            above = above / _sum(self.below, self.structure.denominator, symbols)
        above = tidy(above)
        if self.structure.root == 1:
            return above
        # If evaluated, sympy takes the root of a float factor and rounds it.
        return self.structure.sign * sympy.Pow(above, sympy.Rational(1, 2), evaluate=not above.atoms(sympy.Float))

    def radicand(self, x: Sequence[Fraction]) -> Fraction:
        """Return y^root at ``x`` in exact fractions. A π in a coefficient is the float nearest to π.

        Raises:
            UndefinedError: the denominator is zero, or a root is of a negative number.
        """
        value = _rational_sum(self.above, self.structure.numerator, x)
        if not self.below:
            return value
        divisor = _rational_sum(self.below, self.structure.denominator, x)
        if divisor == 0:
            raise UndefinedError("division by zero")
        return value / divisor

    def domains(self) -> list[Domain]:
        """Return the allowed values of each column, for the comparison of two formulas at random points."""
        terms = [*self.structure.numerator, *self.structure.denominator]
        roots = [math.lcm(*(exponent.denominator for exponent in column)) for column in zip(*terms, strict=True)]
        return [Domain(positive=root > 1, root=root) for root in roots]

    def list_undefined(self, symbols: Sequence[sympy.Symbol]) -> tuple[str, ...]:
        """Return one phrase for each condition under which the formula has no value."""
        found = []
        for index, symbol in enumerate(symbols):
            exponents = {m[index] for m in (*self.structure.numerator, *self.structure.denominator)}
            if any(exponent < 0 for exponent in exponents):
                found.append(f"{symbol} = 0: division by zero")
            if any(exponent.denominator % 2 == 0 for exponent in exponents):
                found.append(f"{symbol} < 0: even root of a negative number")
        if self.below:
            divisor = _sum(self.below, self.structure.denominator, symbols)
            if self.structure.root == 1 or divisor.free_symbols:
                found.append(f"{divisor} = 0: division by zero")
        if self.structure.root != 1:
            found.append(f"{self.expression(symbols) ** 2} < 0: even root of a negative number")
        return tuple(found)


def rational(symbolic: sympy.Expr) -> sympy.Expr:
    """Return the expression with every float, π and root of a number replaced by its float's exact fraction."""
    constants = {
        atom: sympy.Rational(*float(atom).as_integer_ratio())
        for atom in symbolic.atoms(sympy.Float, type(sympy.pi), sympy.Pow)
        if atom.is_number
    }
    return cast(sympy.Expr, symbolic.xreplace(constants))


def tidy(expression: sympy.Expr) -> sympy.Expr:
    """Return the factored form if that is shorter. Expressions with floats stay, since factoring rounds them."""
    if expression.atoms(sympy.Float) or not expression.is_rational_function():
        return expression
    factored = cast(sympy.Expr, sympy.factor(expression))
    return factored if factored.count_ops() < expression.count_ops() else expression


def _fraction(symbolic: sympy.Expr) -> Fraction:
    value = rational(symbolic)
    assert isinstance(value, sympy.Rational)
    return Fraction(int(value.p), int(value.q))


def _rational_sum(
    coefficients: Sequence[Coefficient], monomials: Sequence[Monomial], x: Sequence[Fraction]
) -> Fraction:
    total = Fraction(0)
    for coefficient, monomial in zip(coefficients, monomials, strict=True):
        value = _fraction(coefficient.symbolic)
        for base, exponent in zip(x, monomial, strict=True):
            if exponent:
                value *= power(base, exponent)
        total += value
    return total


def _sum(
    coefficients: Sequence[Coefficient], monomials: Sequence[Monomial], symbols: Sequence[sympy.Symbol]
) -> sympy.Expr:
    return sympy.Add(*(c.symbolic * product(m, symbols) for c, m in zip(coefficients, monomials, strict=True)))


def product(monomial: Monomial, symbols: Sequence[sympy.Symbol]) -> sympy.Expr:
    """Return the power product; all factors with exponent ±1/2 share one square root."""
    plain, rooted = sympy.Integer(1), sympy.Integer(1)
    for symbol, exponent in zip(symbols, monomial, strict=True):
        if abs(exponent) == Fraction(1, 2):
            rooted *= symbol ** int(2 * exponent)
        else:
            plain *= symbol ** sympy.Rational(exponent.numerator, exponent.denominator)
    below = sympy.denom(rooted)
    return plain / sympy.sqrt(below) if rooted * below == 1 else plain * sympy.sqrt(rooted)


def symbols_for(names: Sequence[str]) -> tuple[sympy.Symbol, ...]:
    """Return one symbol per column: its name if that is an identifier; otherwise ``_`` replaces other characters."""
    taken: set[str] = {name for name in names if _is_plain(name)}
    symbols = []
    for index, name in enumerate(names):
        if _is_plain(name):
            symbols.append(sympy.Symbol(name))
            continue
        stem = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_") or f"x{index}"
        stem = f"x_{stem}" if stem[0].isdigit() or keyword.iskeyword(stem) else stem
        unique = next(each for each in (stem, *(f"{stem}_{k}" for k in range(2, 10**6))) if each not in taken)
        taken.add(unique)
        symbols.append(sympy.Symbol(unique))
    return tuple(symbols)


def _is_plain(name: str) -> bool:
    return name.isidentifier() and not keyword.iskeyword(name)
