"""Random numbers and their notation.

The entropy of a random number is the decimal logarithm of the number of its possible values.
"""

from collections.abc import Sequence
from decimal import Context, Decimal, Inexact
from fractions import Fraction
from math import ceil, gcd
from random import Random
from typing import NamedTuple

_EXACT = Context(prec=60, traps=[Inexact])


class Number(NamedTuple):
    """A number and its text: a half may be ``0.5`` or ``1/2``."""

    value: Fraction
    text: str


def whole(rng: Random, entropy: float, least: int = 0) -> int:
    """Sample an integer uniformly from about 10^entropy values around zero with absolute value ``least`` or more."""
    bound = ceil((10**entropy + least) / 2)
    while True:
        value = rng.randint(-bound, bound)
        if abs(value) >= least:
            return value


def integer(rng: Random, entropy: float) -> Number:
    """Sample an integer such as ``-17``."""
    value = whole(rng, entropy)
    return Number(Fraction(value), str(value))


def decimal(rng: Random, entropy: float) -> Number:
    """Sample a decimal such as ``-1.7``, never an integer, with at most ceil(entropy) decimals; entropy > 0."""
    while True:
        value = Fraction(whole(rng, entropy), 10 ** rng.randint(1, ceil(entropy)))
        if value.denominator > 1:
            return Number(value, in_decimals(value))


def fraction(rng: Random, entropy: float) -> Number:
    """Sample a fraction such as ``-1/7``, in lowest terms, never an integer; its two numbers share the entropy."""
    while True:
        above = rng.uniform(0, entropy)
        numerator = whole(rng, above, least=1)
        denominator = rng.randint(2, ceil(10 ** (entropy - above)) + 2)
        if gcd(numerator, denominator) == 1:
            return Number(Fraction(numerator, denominator), f"{numerator}/{denominator}")


def in_decimals(value: Fraction) -> str:
    """Return ``value`` as an exact decimal number without trailing zeros.

    >>> in_decimals(Fraction(-1, 8)), in_decimals(Fraction(100))
    ('-0.125', '100')

    Raises:
        decimal.Inexact: the decimals are infinite, as of 1/3, or there are more than 60 digits.
    """
    return format(_EXACT.divide(Decimal(value.numerator), Decimal(value.denominator)), "f")


def split_total(rng: Random, whole: float, proportions: Sequence[float]) -> list[float]:
    """Split ``whole`` into random parts with a Dirichlet distribution; their means follow ``proportions``.

    A part is 0 if its proportion is 0. At least one proportion must be above 0.
    """
    parts = [rng.gammavariate(weight, 1.0) if weight else 0.0 for weight in proportions]
    total = sum(parts)
    return [whole * part / total for part in parts]
