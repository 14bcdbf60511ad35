"""Exact weights of what multiplies and divides."""

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

import sympy
import torch
from torch import nn

from extrapolate.inspect.exact_additive import affine, rational
from extrapolate.inspect.exact_rational import UndefinedError, power
from extrapolate.inspect.exact_units import (
    BITS,
    POWERS,
    TRITS,
    ZERO,
    Matrix,
    NeverExactError,
    Snapped,
    WeightDistance,
    exact_rule,
    rows,
    snap_to,
)
from extrapolate.nn import (
    GNALU,
    INALU,
    MNAC,
    NALU,
    NMRU,
    NMU,
    NPU,
    NRU,
    BatchStochasticNMU,
    GatedNMRU,
    IndependentNALU,
    ModifiedRealNPU,
    MulMCFC,
    MulMCFCSignINALU,
    MulMCFCSignRealNPU,
    NACMul,
    NRUSeparateSign,
    RealNPU,
    StochasticNMU,
)

#: What the units add to |x| or x, or clamp it to, against log 0 and 1/0: at exact weights it is 0.
EPSILONS = {NACMul: 1e-7, RealNPU: 2.0**-23}


def _prod(factors: Sequence[Fraction]) -> Fraction:
    return math.prod(factors, start=Fraction(1))


def _each(weight: Matrix, factor: Callable[[Fraction, Fraction], Fraction]) -> Callable[..., list[Fraction]]:
    """y_o = Π_i factor(x_i, W_oi)."""
    return lambda x: [_prod([factor(v, w) for v, w in zip(x, row, strict=True)]) for row in weight]


def _powers(weight: Matrix, *, absolute: bool = False) -> Callable[..., list[sympy.Expr]]:
    """Π_i x_i^W_oi, or of |x_i|."""
    return lambda x: [
        sympy.Mul(
            *((sympy.Abs(v) if absolute else v) ** rational(w) for v, w in zip(x, row, strict=True) if w)
        )
        for row in weight
    ]


def _epsilon(unit: str, value: float, tolerance: float) -> WeightDistance:
    return WeightDistance(f"the constant epsilon of {unit}", value, Fraction(0), tolerance)


@exact_rule(NMU, MNAC, StochasticNMU, BatchStochasticNMU)
def _gated_product(unit: nn.Module, tolerance: float) -> Snapped:
    assert isinstance(unit, NMU | MNAC)
    weight = unit.effective_weight()
    flat, distances = snap_to("weight", weight, BITS, tolerance)
    matrix = rows(flat, weight.shape)
    return Snapped(tuple(distances), _each(matrix, lambda x, w: w * x + 1 - w), _powers(matrix))


@exact_rule(NACMul)
def _log_space(unit: nn.Module, tolerance: float) -> Snapped:
    assert isinstance(unit, NACMul)
    weight = unit.effective_weight()
    flat, distances = snap_to("weight", weight, TRITS, tolerance)
    matrix = rows(flat, weight.shape)
    distances.append(_epsilon("NACMul", EPSILONS[NACMul], tolerance))
    return Snapped(
        tuple(distances), _each(matrix, lambda x, w: power(abs(x), w)), _powers(matrix, absolute=True)
    )


@exact_rule(NRU, NRUSeparateSign)
def _reciprocal(unit: nn.Module, tolerance: float) -> Snapped:
    assert isinstance(unit, NRU)
    weight = unit.effective_weight()
    flat, distances = snap_to("weight", weight, TRITS, tolerance)
    matrix = rows(flat, weight.shape)

    def factor(x: Fraction, w: Fraction) -> Fraction:
        sign = (x > 0) - (x < 0)
        return sign * power(abs(x), w) * abs(w) + 1 - abs(w)

    return Snapped(tuple(distances), _each(matrix, factor), _powers(matrix))


def _cosine(halves: Fraction) -> int:
    """cos(π·halves) for a whole number; a half would make it 0.

    Raises:
        UndefinedError: for a half: the power is that of a negative base.
    """
    if halves.denominator != 1:
        raise UndefinedError("negative base of an even root")
    return -1 if halves.numerator % 2 else 1


def _with_phase(matrix: Matrix) -> Callable[..., list[Fraction]]:
    """Π_i |x_i|^W_oi · cos(π Σ_i W_oi [x_i < 0])."""

    def evaluate(x: Sequence[Fraction]) -> list[Fraction]:
        return [
            _prod([power(abs(v), w) for v, w in zip(x, row, strict=True)])
            * _cosine(sum((w for v, w in zip(x, row, strict=True) if v < 0), start=Fraction(0)))
            for row in matrix
        ]

    return evaluate


@exact_rule(RealNPU, NPU, ModifiedRealNPU)
def _power_unit(unit: nn.Module, tolerance: float) -> Snapped:
    """An input that no output uses needs no exact gate, and one behind a closed gate no exact exponent."""
    assert isinstance(unit, RealNPU | NPU)
    gates, gate_distances = snap_to("gate", unit.gate.clamp(0, 1), BITS, tolerance)
    flat, distances = snap_to("weight", unit.weight, POWERS, tolerance)
    matrix = rows(flat, unit.weight.shape)
    if isinstance(unit, NPU):
        imaginary = snap_to("weight_imag", unit.weight_imag, ZERO, tolerance)[1]
    else:
        imaginary = [WeightDistance("weight_imag", 0.0, Fraction(0), tolerance)] * len(distances)
    kept = []
    for index, (gate, gate_distance) in enumerate(zip(gates, gate_distances, strict=True)):
        column = distances[index :: len(gates)]
        unused = all(not each.exact and each.near for each in column)
        if not unused:
            kept.append(gate_distance)
        if unused or gate:
            kept += column
        if gate and isinstance(unit, NPU):
            kept += imaginary[index :: len(gates)]
    matrix = [[gate * w for gate, w in zip(gates, row, strict=True)] for row in matrix]
    kept.append(_epsilon(type(unit).__name__, EPSILONS[RealNPU], tolerance))
    roots = any(w.denominator != 1 for row in matrix for w in row)
    return Snapped(tuple(kept), _with_phase(matrix), _powers(matrix), roots=roots)


@exact_rule(NMRU, GatedNMRU)
def _with_reciprocals(unit: nn.Module, tolerance: float) -> Snapped:
    """NMU of |[x, 1/x]| times the cosine of its phase."""
    assert isinstance(unit, NMRU)
    columns = unit.in_features
    flat, distances = snap_to("weight", unit.weight, BITS, tolerance)
    matrix = rows(flat, unit.weight.shape)
    if isinstance(unit, GatedNMRU):
        used = [any(row[index] for row in matrix) for index in range(2 * columns)]
        gates = snap_to("gate", unit.gate, (Fraction(1),), tolerance)[1]
        distances += [each for each, use in zip(gates, used, strict=True) if use]

    def evaluate(x: Sequence[Fraction]) -> list[Fraction]:
        if any(v == 0 for v in x):
            raise UndefinedError("division by zero")
        both = [*x, *(1 / v for v in x)]
        return [
            _prod([w * abs(v) + 1 - w for v, w in zip(both, row, strict=True)])
            * _cosine(sum((w for v, w in zip(both, row, strict=True) if v < 0), start=Fraction(0)))
            for row in matrix
        ]

    powers = [[row[i] - row[columns + i] for i in range(columns)] for row in matrix]
    zeros = ("an input = 0: the unit divides by every input",)
    return Snapped(tuple(distances), evaluate, _powers(powers), limits=zeros)


@exact_rule(MulMCFC, MulMCFCSignINALU, MulMCFCSignRealNPU)
def _mass(unit: nn.Module, tolerance: float) -> Snapped:
    assert isinstance(unit, MulMCFC)
    weight, shares = unit.effective_weight(), unit.mcfc.shares()
    flat, distances = snap_to("weight", weight, BITS, tolerance)
    matrix = rows(flat, weight.shape)
    distances += snap_to("bias", unit.bias, ZERO, tolerance)[1]
    signed = [[Fraction(0)] * weight.shape[1] for _ in matrix]
    if isinstance(unit, MulMCFCSignINALU | MulMCFCSignRealNPU):
        share, more = snap_to("shares", shares, BITS, tolerance)
        distances += more
        signed = rows(share, weight.shape)
    if isinstance(unit, MulMCFCSignRealNPU):
        gates, more = snap_to("gate", unit.gate.clamp(0, 1), BITS, tolerance)
        distances += more
        signed = [[gate * w for gate, w in zip(gates, row, strict=True)] for row in signed]

    def evaluate(x: Sequence[Fraction]) -> list[Fraction]:
        if any(v == 0 for v in x) or (type(unit) is MulMCFC and any(v < 0 for v in x)):
            raise UndefinedError("the logarithm of a number that is not positive")
        return [
            _prod([power(abs(v), w) for v, w in zip(x, row, strict=True)])
            * math.prod(-1 for v, s in zip(x, signs, strict=True) if s and v < 0)
            for row, signs in zip(matrix, signed, strict=True)
        ]

    def expressions(x: Sequence[sympy.Expr]) -> list[sympy.Expr]:
        if type(unit) is MulMCFC:
            return _powers(matrix)(x)
        magnitudes = _powers(matrix, absolute=True)(x)
        return [
            _powers([row])(x)[0]
            if row == signs
            else magnitude * sympy.Mul(*(sympy.sign(v) for v, s in zip(x, signs, strict=True) if s))
            for row, signs, magnitude in zip(matrix, signed, magnitudes, strict=True)
        ]

    limit = (
        "an input ≤ 0: the unit takes its logarithm" if type(unit) is MulMCFC else "an input = 0: the same"
    )
    return Snapped(
        tuple(distances), evaluate, expressions, limits=(limit.replace("the same", "its logarithm"),)
    )


@exact_rule(INALU)
def _improved(unit: nn.Module, tolerance: float) -> Snapped:
    """Of each output the path its gate opens; its multiplication saturates at e^20."""
    assert isinstance(unit, INALU)
    gates, kept = snap_to("sigmoid(gate)", torch.sigmoid(unit.gate), BITS, tolerance)
    shape = unit.additive.effective_weight().shape
    sums, sum_distances = snap_to("additive", unit.additive.effective_weight(), TRITS, tolerance)
    products, product_distances = snap_to(
        "multiplicative", unit.multiplicative.effective_weight(), TRITS, tolerance
    )
    for output, gate in enumerate(gates):
        row = slice(output * shape[1], (output + 1) * shape[1])
        kept += (sum_distances if gate else product_distances)[row]
    added = affine(rows(sums, shape), [Fraction(0)] * shape[0], [])
    matrix = rows(products, shape)
    largest, smallest = Fraction(math.exp(20.0)), Fraction(1, 10**7)

    def multiply(x: Sequence[Fraction]) -> list[Fraction]:
        values = []
        for row in matrix:
            used = [(v, w) for v, w in zip(x, row, strict=True) if w]
            if any(abs(v) < smallest for v, _ in used):
                raise UndefinedError("an input below 1e-7")
            value = _prod([power(abs(v), w) for v, w in used])
            if value > largest:
                raise UndefinedError("a product above e^20")
            signs = [((v > 0) - (v < 0)) * abs(w) + 1 - abs(w) for v, w in zip(x, row, strict=True)]
            values.append(value * _prod(signs))
        return values

    if all(gates):
        return Snapped(tuple(kept), added.evaluate, added.expressions)

    def choose(first: Sequence, second: Sequence) -> list:
        return [a if gate else b for a, b, gate in zip(first, second, gates, strict=True)]

    return Snapped(
        tuple(kept),
        evaluate=lambda x: choose(added.evaluate(x), multiply(x)),
        expressions=lambda x: choose(added.expressions(x), _powers(matrix)(x)),
        limits=("a product above e^20, or an input below 1e-7: the unit saturates",),
    )


@exact_rule(NALU, GNALU, IndependentNALU)
def _gate_sees_input(unit: nn.Module, tolerance: float) -> Snapped:
    raise NeverExactError(
        f"the gate of {type(unit).__name__} is a logistic function of its input: with no finite weights does "
        "it choose one path for every input"
    )
