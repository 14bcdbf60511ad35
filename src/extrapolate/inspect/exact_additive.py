"""Exact weights of what adds: the units and ``nn.Linear``."""

from fractions import Fraction

import sympy
from torch import nn

from extrapolate.inspect.exact_units import (
    BITS,
    TRITS,
    Matrix,
    Snapped,
    WeightDistance,
    exact_rule,
    rows,
    snap_to,
    snap_to_fraction,
)
from extrapolate.nn import MCFC, NAC, NAU


def rational(value: Fraction) -> sympy.Expr:
    return sympy.Rational(value.numerator, value.denominator)


def affine(weight: Matrix, bias: list[Fraction], weights: list[WeightDistance]) -> Snapped:
    """y = W x + b."""
    return Snapped(
        tuple(weights),
        evaluate=lambda x: [
            sum((w * v for w, v in zip(row, x, strict=True)), start=b)
            for row, b in zip(weight, bias, strict=True)
        ],
        expressions=lambda x: [
            sympy.Add(rational(b), *(rational(w) * v for w, v in zip(row, x, strict=True)))
            for row, b in zip(weight, bias, strict=True)
        ],
    )


@exact_rule(NAC, NAU)
def _trits(unit: nn.Module, tolerance: float) -> Snapped:
    assert isinstance(unit, NAC | NAU)
    weight = unit.effective_weight()
    flat, distances = snap_to("weight", weight, TRITS, tolerance)
    return affine(rows(flat, weight.shape), [Fraction(0)] * len(weight), distances)


@exact_rule(MCFC)
def _shares(unit: nn.Module, tolerance: float) -> Snapped:
    assert isinstance(unit, MCFC)
    weight = unit.effective_weight()
    flat, distances = snap_to("weight", weight, BITS, tolerance)
    return affine(rows(flat, weight.shape), [Fraction(0)] * len(weight), distances)


@exact_rule(nn.Linear)
def _linear(unit: nn.Module, tolerance: float) -> Snapped:
    assert isinstance(unit, nn.Linear)
    flat, distances = snap_to_fraction("weight", unit.weight, tolerance)
    bias = [Fraction(0)] * unit.out_features
    if unit.bias is not None:
        bias, more = snap_to_fraction("bias", unit.bias, tolerance)
        distances += more
    return affine(rows(flat, unit.weight.shape), bias, distances)


@exact_rule(nn.Identity)
def _identity(unit: nn.Module, tolerance: float) -> Snapped:
    return Snapped((), evaluate=lambda x: list(x), expressions=lambda x: list(x))
