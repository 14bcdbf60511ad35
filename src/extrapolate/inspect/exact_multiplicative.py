"""Exact weights of the units that multiply gated factors: the NMU and its variants, the NRU and the NMRU."""

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

import sympy
import torch
from torch import nn

from extrapolate.inspect.exact_additive import rational, saturated_bits
from extrapolate.inspect.exact_bounds import Twin, power
from extrapolate.inspect.exact_rational import UndefinedError
from extrapolate.inspect.exact_rational import power as rational_power
from extrapolate.inspect.exact_units import BITS, TRITS, Matrix, Snapped, exact_rule, snap_to
from extrapolate.nn import (
    MNAC,
    NMRU,
    NMU,
    NRU,
    BatchStochasticNMU,
    GatedNMRU,
    NRUSeparateSign,
    StochasticNMU,
)


def product(factors: Sequence[Fraction]) -> Fraction:
    return math.prod(factors, start=Fraction(1))


def product_of_each(
    weight: Matrix, factor: Callable[[Fraction, Fraction], Fraction]
) -> Callable[..., list[Fraction]]:
    """Return the function y_o = Π_i factor(x_i, W_oi)."""
    return lambda x: [product([factor(v, w) for v, w in zip(x, row, strict=True)]) for row in weight]


def powers(weight: Matrix, *, absolute: bool = False) -> Callable[..., list[sympy.Expr]]:
    """Return the function Π_i x_i^W_oi, or Π_i |x_i|^W_oi, in sympy."""
    return lambda x: [
        sympy.Mul(*((sympy.Abs(v) if absolute else v) ** rational(w) for v, w in zip(x, row, strict=True) if w))
        for row in weight
    ]


def divisors(weight: Matrix) -> frozenset[int]:
    """Return the indices of the inputs with a negative exponent."""
    return frozenset(index for row in weight for index, w in enumerate(row) if w < 0)


def cosine(halves: Fraction) -> int:
    """Return cos(π·halves) for an integer.

    Raises:
        UndefinedError: ``halves`` is not an integer: an even root of a negative base.
    """
    if halves.denominator != 1:
        raise UndefinedError("negative base of an even root")
    return -1 if halves.numerator % 2 else 1


def gated_twin(x: Twin, weight: Twin) -> Twin:
    """Return Π_i (W_oi x_i + 1 - W_oi)."""
    return (weight * x + weight.complement()).product()


def half_turns(negative: Twin, weight: Twin) -> Twin:
    """Return π Σ_i W_oi k_i, where k_i is 1 for a negative input, else 0."""
    return (weight * negative).sum().scale(math.pi)


@exact_rule(NMU, MNAC, StochasticNMU, BatchStochasticNMU)
def _gated_product(module: nn.Module, tolerance: float) -> Snapped:
    assert isinstance(module, NMU | MNAC)
    weight = snap_to("weight", module.effective_weight(), BITS, tolerance)
    return Snapped(
        tuple(weight.distances),
        product_of_each(weight.matrix, lambda x, w: w * x + 1 - w),
        powers(weight.matrix),
        parameters={"w_hat": saturated_bits(weight.exact)} if isinstance(module, MNAC) else {"weight": weight.exact},
        enclose=lambda x: gated_twin(x, weight.twin),
    )


@exact_rule(NRU, NRUSeparateSign)
def _reciprocal(module: nn.Module, tolerance: float) -> Snapped:
    assert isinstance(module, NRU)
    weight = snap_to("weight", module.effective_weight(), TRITS, tolerance)

    def factor(x: Fraction, w: Fraction) -> Fraction:
        sign = (x > 0) - (x < 0)
        return sign * rational_power(abs(x), w) * abs(w) + 1 - abs(w)

    def enclose(x: Twin) -> Twin:
        strength = weight.twin.absolute()
        magnitudes = power(x.absolute(), weight.value, weight.exact)
        if not isinstance(module, NRUSeparateSign):
            return gated_twin(x.sign() * magnitudes, strength)
        rounded = Twin.constants(weight.value.round().abs(), weight.exact.abs())
        return gated_twin(magnitudes, strength) * gated_twin(x.sign(), rounded)

    divided = frozenset(index for row in module.weight.tolist() for index, w in enumerate(row) if w < 0)
    return Snapped(
        tuple(weight.distances),
        product_of_each(weight.matrix, factor),
        powers(weight.matrix),
        parameters={"weight": weight.exact},
        enclose=enclose,
        nonzero=divided,  # even a weight of -1e-6 maps an input of 0 to infinity
    )


@exact_rule(NMRU, GatedNMRU)
def _with_reciprocals(module: nn.Module, tolerance: float) -> Snapped:
    """Compute the NMU of |[x, 1/x]| times the cosine of its phase."""
    assert isinstance(module, NMRU)
    columns = module.in_features
    weight = snap_to("weight", module.weight, BITS, tolerance)
    matrix, distances = weight.matrix, weight.distances
    parameters = {"weight": weight.exact}
    gate = Twin.constants(*(torch.ones(2 * columns),) * 2)
    if isinstance(module, GatedNMRU):
        used = [any(row[index] for row in matrix) for index in range(2 * columns)]
        gates = snap_to("gate", module.gate, (Fraction(1),), tolerance)
        distances = distances + [each for each, use in zip(gates.distances, used, strict=True) if use]
        parameters["gate"], gate = gates.exact, gates.twin

    def evaluate(x: Sequence[Fraction]) -> list[Fraction]:
        if any(v == 0 for v in x):
            raise UndefinedError("division by zero")
        both = [*x, *(1 / v for v in x)]
        return [
            product([w * abs(v) + 1 - w for v, w in zip(both, row, strict=True)])
            * cosine(sum((w for v, w in zip(both, row, strict=True) if v < 0), start=Fraction(0)))
            for row in matrix
        ]

    def enclose(x: Twin) -> Twin:
        inverse = power(x.absolute(), *(torch.full((columns,), -1.0),) * 2)
        magnitudes, phases = [], []
        for half, size in enumerate((x.absolute(), inverse)):
            part = slice(half * columns, (half + 1) * columns)
            w, g = weight.twin[..., part], gate[part]
            magnitudes.append(gated_twin((g * size).absolute(), w))
            phases.append(half_turns((g * x).negative(), w))
        return magnitudes[0] * magnitudes[1] * (phases[0] + phases[1]).cosine()

    return Snapped(
        tuple(distances),
        evaluate,
        powers([[row[i] - row[columns + i] for i in range(columns)] for row in matrix]),
        limits=("an input = 0: the unit divides by every input",),
        parameters=parameters,
        enclose=enclose,
        nonzero=frozenset(range(columns)),
    )
