"""Compare two independent evaluations of a formula in rational arithmetic, far outside the training range."""

import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import sympy

#: ``evaluate(inputs)``: a network's own equation in rational arithmetic, one number per output.
Evaluate = Callable[[Sequence[Fraction]], Sequence[Fraction]]

#: Largest magnitude of the sampled inputs, and number of compared points.
REACH, POINTS = 10**6, 24

#: Above this root, numbers have thousands of digits: only a sixth of the points is compared.
HIGH_ROOT = 12


class UndefinedError(ArithmeticError):
    """The formula is undefined at a point. The message gives the reason."""


@dataclass(frozen=True)
class Agreement:
    """Result of the comparison.

    Attributes:
        points: number of compared points, without those where the network's equation is undefined.
        reach: the largest magnitude of an input.
        counterexample: the first point where the two evaluations differ, in words. None if there is none.
    """

    points: int
    reach: float
    counterexample: str | None

    @property
    def equal(self) -> bool:
        return self.points > 0 and self.counterexample is None


@dataclass(frozen=True)
class Domain:
    """The numbers from which one input is sampled.

    Attributes:
        positive: sample only positive numbers.
        root: sample ``root``-th powers of fractions, whose ``root``-th root is rational.
    """

    positive: bool = False
    root: int = 1

    def draw(self, rng: random.Random, *, whole: bool) -> Fraction:
        # All orders of magnitude: some formulas hold only while a product is below a bound.
        largest = max(3, round(REACH ** (rng.random() / self.root)))
        base = Fraction(rng.randint(1, largest), 1 if whole else rng.randint(1, largest))
        negative = not self.positive and rng.random() < 0.5
        return (-1 if negative else 1) * base**self.root


def power(base: Fraction, exponent: Fraction) -> Fraction:
    """Return base^exponent if it is rational.

    Raises:
        UndefinedError: zero to a negative power, an even root of a negative number, or an irrational value.
    """
    if exponent.denominator == 1:
        if base == 0 and exponent < 0:
            raise UndefinedError("division by zero")
        return base**exponent.numerator
    if base < 0 and exponent.denominator % 2 == 0:
        raise UndefinedError("negative base of an even root")
    if base == 0 and exponent < 0:
        raise UndefinedError("division by zero")
    roots = []
    for part in (abs(base.numerator), base.denominator):
        root, whole = sympy.integer_nthroot(part, exponent.denominator)
        if not whole:
            raise UndefinedError("an irrational root")
        roots.append(int(root))
    return (Fraction(*roots) * (-1 if base < 0 else 1)) ** exponent.numerator


def compare(
    expressions: Sequence[sympy.Expr],
    symbols: Sequence[sympy.Symbol],
    evaluate: Evaluate,
    domains: Sequence[Domain],
    seed: int = 0,
) -> Agreement:
    """Compare ``expressions`` (sympy) with ``evaluate`` (fractions) at random integers and random fractions."""
    rng = random.Random(seed)
    points, reach = 0, 0.0
    needed = POINTS if max((domain.root for domain in domains), default=1) <= HIGH_ROOT else POINTS // 6
    for attempt in range(4 * POINTS):
        inputs = [domain.draw(rng, whole=attempt % 2 == 0) for domain in domains]
        try:
            expected = evaluate(inputs)
        except UndefinedError:
            continue
        at = {s: sympy.Rational(v.numerator, v.denominator) for s, v in zip(symbols, inputs, strict=True)}
        found = [expression.xreplace(at) for expression in expressions]  # subs takes minutes for 100 inputs
        points += 1
        reach = max([reach, *map(_magnitude, inputs)])
        for one, other in zip(found, expected, strict=True):
            exact = sympy.Rational(other.numerator, other.denominator)
            if one != exact and sympy.simplify(one - exact) != 0:
                point = ", ".join(f"{symbol} = {value}" for symbol, value in zip(symbols, inputs, strict=True))
                return Agreement(points, reach, f"at {point} the network returns {other}, the expression {one}")
        if points == needed:
            break
    return Agreement(points, reach, None)


def _magnitude(value: Fraction) -> float:
    """Return |value|, at most the largest float: powers with rational roots can be larger."""
    try:
        return abs(float(value))
    except OverflowError:
        return sys.float_info.max
