"""Two independent evaluations of one rule, compared in rational arithmetic far outside the training range."""

import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import sympy

#: ``evaluate(inputs)``: a network's own equation in fractions, one number an output.
Evaluate = Callable[[Sequence[Fraction]], Sequence[Fraction]]

#: How far out inputs are drawn, and how many points are compared.
REACH, POINTS = 10**6, 24

#: Roots above this make numbers of thousands of digits: a sixth of the points is compared.
HIGH_ROOT = 12


class UndefinedError(ArithmeticError):
    """The rule has no value at a point; the message says why."""


@dataclass(frozen=True)
class Agreement:
    """What the comparison found.

    Attributes:
        points: compared; points where both sides are undefined are drawn anew.
        reach: the largest magnitude of an input.
        disagreement: the first point where the sides differ, in words; None if there is none.
    """

    points: int
    reach: float
    counterexample: str | None

    @property
    def equal(self) -> bool:
        return self.points > 0 and self.counterexample is None


@dataclass(frozen=True)
class Domain:
    """Where one input is drawn from.

    Attributes:
        positive: only positive numbers.
        root: every number is the ``root``-th power of a fraction, so that this root of it is rational.
    """

    positive: bool = False
    root: int = 1

    def draw(self, rng: random.Random, *, whole: bool) -> Fraction:
        # Sizes of every order: some rules hold only while a product stays below a bound.
        largest = max(3, round(REACH ** (rng.random() / self.root)))
        base = Fraction(rng.randint(1, largest), 1 if whole else rng.randint(1, largest))
        negative = not self.positive and rng.random() < 0.5
        return (-1 if negative else 1) * base**self.root


def power(base: Fraction, exponent: Fraction) -> Fraction:
    """base^exponent where that is rational.

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
    """``expressions`` by sympy against ``evaluate`` in fractions, on random integers and random fractions."""
    rng = random.Random(seed)
    points, reach = 0, 0.0
    wanted = POINTS if max((domain.root for domain in domains), default=1) <= HIGH_ROOT else POINTS // 6
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
                place = ", ".join(f"{symbol} = {value}" for symbol, value in zip(symbols, inputs, strict=True))
                return Agreement(points, reach, f"at {place} the network gives {other}, the expression {one}")
        if points == wanted:
            break
    return Agreement(points, reach, None)


def _magnitude(value: Fraction) -> float:
    """|value|, or the largest float: powers that make a root rational can lie beyond it."""
    try:
        return abs(float(value))
    except OverflowError:
        return sys.float_info.max
