"""Recognise well-known constants: integers, simple fractions, short decimals, multiples of π, square roots."""

import math
from fractions import Fraction

import sympy

#: Largest denominator of a simple fraction; most significant digits of a short decimal.
LARGEST_DENOMINATOR, DIGITS = 12, 6

#: A neat constant is accepted only if a random number would match one with less than this probability.
CHANCE = 0.01

#: Magnitudes below this, or above its reciprocal, are never neat constants.
SMALLEST = 1e-100


def recognise(value: float, tolerance: float) -> sympy.Expr | None:
    """Return the neat constant within ``tolerance`` of ``value``, or None.

    The more complicated the allowed constants, the more of them lie near any value. So each kind is tried
    only if the tolerance is too small for a match by chance.
    """
    if not SMALLEST < abs(value) < 1 / SMALLEST:
        return None
    if 2 * tolerance < CHANCE and abs(value - round(value)) <= tolerance and abs(value) < 1e15:
        return sympy.Integer(round(value))
    if (simple := _fraction(value, tolerance)) is not None:
        return sympy.Rational(simple.numerator, simple.denominator)
    if (multiple := _fraction(value / math.pi, tolerance / math.pi)) is not None:
        return sympy.Rational(multiple.numerator, multiple.denominator) * sympy.pi
    if (multiple := _fraction(value * math.pi, tolerance * math.pi)) is not None:
        return sympy.Rational(multiple.numerator, multiple.denominator) / sympy.pi
    if (decimal := _decimal(value, tolerance)) is not None:
        return decimal
    if (below := _fraction(1 / value, tolerance / value**2)) is not None:
        return sympy.Rational(below.denominator, below.numerator)
    if (square := _fraction(value * value, 2 * tolerance * abs(value))) is not None:
        return sympy.sqrt(sympy.Rational(square.numerator, square.denominator)) * (1 if value > 0 else -1)
    return None


def _fraction(value: float, tolerance: float) -> Fraction | None:
    """Return the fraction with a denominator of at most 12 and a magnitude below 1000, if one is near."""
    nearest = Fraction(value).limit_denominator(LARGEST_DENOMINATOR)
    crowd = 2 * tolerance * LARGEST_DENOMINATOR**2
    near = abs(float(nearest) - value) <= tolerance
    return nearest if near and crowd < CHANCE and 0 < abs(nearest) < 1000 else None


def _decimal(value: float, tolerance: float) -> sympy.Expr | None:
    for digits in range(1, DIGITS + 1):
        text = f"{value:.{digits}g}"
        crowd = 2 * tolerance / abs(value) * 10.0**digits
        if abs(float(text) - value) <= tolerance and crowd < CHANCE:
            return sympy.Float(text, 15)
    return None
