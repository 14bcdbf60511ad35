"""Numbers drawn at random, and how they are written.

How much chance is in a number is its entropy: the decimal logarithm of how many values it may have.
"""

from collections.abc import Sequence
from decimal import Context, Decimal, Inexact
from fractions import Fraction
from math import ceil, gcd
from random import Random
from typing import NamedTuple

_EXACT = Context(prec=60, traps=[Inexact])


class Number(NamedTuple):
    """A number as it is written: a half may be ``0.5`` or ``1/2``."""

    value: Fraction
    text: str


def whole(rng: Random, entropy: float, least: int = 0) -> int:
    """A whole number of about 10^entropy around zero, and not nearer to zero than ``least``, all equally likely."""
    bound = ceil((10**entropy + least) / 2)
    while True:
        drawn = rng.randint(-bound, bound)
        if abs(drawn) >= least:
            return drawn


def integer(rng: Random, entropy: float) -> Number:
    """``-17``."""
    drawn = whole(rng, entropy)
    return Number(Fraction(drawn), str(drawn))


def decimal(rng: Random, entropy: float) -> Number:
    """``-1.7``, never a whole number; ``entropy`` is above 0. It has at most as many decimals as digits are drawn."""
    while True:
        drawn = Fraction(whole(rng, entropy), 10 ** rng.randint(1, ceil(entropy)))
        if drawn.denominator > 1:
            return Number(drawn, in_decimals(drawn))


def fraction(rng: Random, entropy: float) -> Number:
    """``-1/7``, in lowest terms and never a whole number; the entropy is shared out between its two numbers."""
    while True:
        above = rng.uniform(0, entropy)
        numerator = whole(rng, above, least=1)
        denominator = rng.randint(2, ceil(10 ** (entropy - above)) + 2)
        if gcd(numerator, denominator) == 1:
            return Number(Fraction(numerator, denominator), f"{numerator}/{denominator}")


def in_decimals(value: Fraction) -> str:
    """``value`` with no more decimals than it takes.

    >>> in_decimals(Fraction(-1, 8)), in_decimals(Fraction(100))
    ('-0.125', '100')

    Raises:
        decimal.Inexact: it has no end, as 1/3 has none, or more than 60 digits.
    """
    return format(_EXACT.divide(Decimal(value.numerator), Decimal(value.denominator)), "f")


def split_total(rng: Random, whole: float, proportions: Sequence[float]) -> list[float]:
    """``whole`` in as many random parts as there are ``weights``, which they follow on average (Dirichlet).

    A part is 0 where its weight is; one weight at least is above 0.
    """
    parts = [rng.gammavariate(weight, 1.0) if weight else 0.0 for weight in proportions]
    total = sum(parts)
    return [whole * part / total for part in parts]
