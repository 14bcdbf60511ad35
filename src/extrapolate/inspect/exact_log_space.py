"""Exact weights of the units that multiply in log space, as the exponential of a sum of logarithms."""

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

import sympy
import torch
from torch import nn

from extrapolate.inspect.exact_additive import (
    saturated_bits,
    saturated_shares,
    saturated_trits,
)
from extrapolate.inspect.exact_bounds import Interval, Twin, power
from extrapolate.inspect.exact_multiplicative import (
    cosine,
    divisors,
    gated_twin,
    half_turns,
    powers,
    product,
    product_of_each,
)
from extrapolate.inspect.exact_rational import UndefinedError
from extrapolate.inspect.exact_rational import power as rational_power
from extrapolate.inspect.exact_units import (
    BITS,
    POWERS,
    TRITS,
    ZERO,
    Matrix,
    Snapped,
    WeightDistance,
    exact_rule,
    snap_to,
)
from extrapolate.nn import (
    NPU,
    ModifiedRealNPU,
    MulMCFC,
    MulMCFCSignINALU,
    MulMCFCSignRealNPU,
    NACMul,
    RealNPU,
)

#: The units add this to |x| to avoid log 0. The formula does not contain it.
EPSILONS = {NACMul: 1e-7, RealNPU: 2.0**-23}


def _epsilon(name: str, value: float, tolerance: float) -> WeightDistance:
    return WeightDistance(f"the constant epsilon of {name}", value, Fraction(0), tolerance)


@exact_rule(NACMul)
def _log_space(module: nn.Module, tolerance: float) -> Snapped:
    assert isinstance(module, NACMul)
    weight = snap_to("weight", module.effective_weight(), TRITS, tolerance)
    epsilon = EPSILONS[NACMul]
    return Snapped(
        (*weight.distances, _epsilon("NACMul", epsilon, tolerance)),
        product_of_each(weight.matrix, lambda x, w: rational_power(abs(x), w)),
        powers(weight.matrix, absolute=True),
        parameters=saturated_trits(weight.exact),
        enclose=lambda x: power(x.absolute().plus_epsilon(epsilon), weight.value, weight.exact).product(),
        nonzero=divisors(weight.matrix),
    )


def _with_phase(matrix: Matrix) -> Callable[..., list[Fraction]]:
    """Return the function Π_i |x_i|^W_oi · cos(π Σ_i W_oi [x_i < 0])."""

    def evaluate(x: Sequence[Fraction]) -> list[Fraction]:
        return [
            product([rational_power(abs(v), w) for v, w in zip(x, row, strict=True)])
            * cosine(sum((w for v, w in zip(x, row, strict=True) if v < 0), start=Fraction(0)))
            for row in matrix
        ]

    return evaluate


@exact_rule(RealNPU, NPU, ModifiedRealNPU)
def _power_unit(module: nn.Module, tolerance: float) -> Snapped:
    """Snap gates and weights. An unused input needs no exact gate; a closed gate needs no exact weight."""
    assert isinstance(module, RealNPU | NPU)
    gates = snap_to("gate", module.gate.clamp(0, 1), BITS, tolerance)
    weight = snap_to("weight", module.weight, POWERS, tolerance)
    imaginary = module.weight_imag if isinstance(module, NPU) else torch.zeros_like(module.weight)
    imaginary_distances = snap_to("weight_imag", imaginary, ZERO, tolerance).distances
    distances: list[WeightDistance] = []
    unused: list[bool] = []
    for index, (gate, distance) in enumerate(zip(gates.fractions, gates.distances, strict=True)):
        column = weight.distances[index :: len(gates.distances)]
        unused.append(all(not each.exact and each.near for each in column))
        if not unused[-1]:
            distances.append(distance)
        if unused[-1] or gate:
            distances += column
        if gate and isinstance(module, NPU):
            distances += imaginary_distances[index :: len(gates.distances)]
    distances.append(_epsilon(type(module).__name__, EPSILONS[RealNPU], tolerance))
    matrix = [[gate * w for gate, w in zip(gates.fractions, row, strict=True)] for row in weight.matrix]

    # Values without effect are equal on both sides, so that they add nothing to the distance.
    idle = torch.tensor(unused)
    exact_gate = torch.where(idle, gates.value.double(), gates.exact)
    exponent = torch.where(idle | (gates.exact > 0), weight.exact, weight.value.double())

    def enclose(x: Twin) -> Twin:
        gate = Twin.constants(gates.value, exact_gate)
        r = (gate * x.absolute() + gate.complement()).plus_epsilon(EPSILONS[RealNPU] * gates.value.double())
        magnitude = power(r, weight.value, exponent).product()
        turns = gate * x.negative()
        angle = half_turns(turns, Twin.constants(weight.value, exponent))
        if isinstance(module, NPU):
            value = imaginary.double()
            logarithm = Interval.between(r.module.low.clamp_min(0).log(), r.module.high.log())
            angle = angle + Twin.deviation(Interval.between(value, value) * logarithm).sum()
            decay = Twin.deviation(Interval.between(value, value) * turns.module).sum().scale(-math.pi)
            magnitude = magnitude * decay.exponential()
        return magnitude * angle.cosine()

    parameters = {"weight": torch.where(gates.exact > 0, weight.exact, 0.0), "gate": gates.exact}
    if isinstance(module, NPU):
        parameters["weight_imag"] = torch.zeros_like(weight.exact)
    roots = frozenset(index for row in matrix for index, w in enumerate(row) if w.denominator != 1)
    return Snapped(
        tuple(distances),
        _with_phase(matrix),
        powers(matrix),
        roots=bool(roots),
        parameters=parameters,
        enclose=enclose,
        nonzero=divisors(matrix),
        positive=roots,
    )


@exact_rule(MulMCFC, MulMCFCSignINALU, MulMCFCSignRealNPU)
def _mass(module: nn.Module, tolerance: float) -> Snapped:
    assert isinstance(module, MulMCFC)
    weight = snap_to("weight", module.effective_weight(), BITS, tolerance)
    bias = snap_to("bias", module.bias, ZERO, tolerance)
    matrix, inputs = weight.matrix, frozenset(range(weight.value.shape[1]))
    parameters = {f"mcfc.{name}": value for name, value in saturated_shares(weight.exact).items()}
    parameters["bias"] = bias.exact

    def magnitude(x: Twin) -> Twin:
        return power(x.absolute(), weight.value, weight.exact).product() * bias.twin.exponential()

    def evaluate(x: Sequence[Fraction]) -> list[Fraction]:
        if any(v <= 0 for v in x):
            raise UndefinedError("the logarithm of a number ≤ 0")
        return product_of_each(matrix, rational_power)(x)

    magnitude_unit = Snapped(
        (*weight.distances, *bias.distances),
        evaluate,
        powers(matrix),
        limits=("an input ≤ 0: the unit takes its logarithm",),
        parameters=parameters,
        enclose=magnitude,
        positive=inputs,
    )
    if not isinstance(module, MulMCFCSignINALU | MulMCFCSignRealNPU):
        return magnitude_unit
    return _signed_mass(module, tolerance, magnitude_unit, matrix)


def _signed_mass(
    module: MulMCFCSignINALU | MulMCFCSignRealNPU, tolerance: float, magnitude_unit: Snapped, matrix: Matrix
) -> Snapped:
    """Multiply the magnitude unit at |x| by the signs of the inputs that the shares select."""
    shares = snap_to("shares", module.mcfc.fractions(), BITS, tolerance)
    distances = [*magnitude_unit.distances, *shares.distances]
    parameters = {**(magnitude_unit.parameters or {}), "mcfc.junction": saturated_bits(shares.exact)}
    signed = shares.matrix
    gate = Twin.constants(*(torch.ones(module.mcfc.in_features),) * 2)
    if isinstance(module, MulMCFCSignRealNPU):
        gates = snap_to("gate", module.gate.clamp(0, 1), BITS, tolerance)
        distances += gates.distances
        parameters["gate"], gate = gates.exact, gates.twin
        signed = [[g * w for g, w in zip(gates.fractions, row, strict=True)] for row in signed]

    def evaluate(x: Sequence[Fraction]) -> list[Fraction]:
        return [
            value * math.prod(-1 for v, s in zip(x, signs, strict=True) if s and v < 0)
            for value, signs in zip(magnitude_unit.evaluate([abs(v) for v in x]), signed, strict=True)
        ]

    def expressions(x: Sequence[sympy.Expr]) -> list[sympy.Expr]:
        magnitudes = powers(matrix, absolute=True)(x)
        return [
            powers([row])(x)[0]
            if row == signs
            else magnitude * sympy.Mul(*(sympy.sign(v) for v, s in zip(x, signs, strict=True) if s))
            for row, signs, magnitude in zip(matrix, signed, magnitudes, strict=True)
        ]

    def enclose(x: Twin) -> Twin:
        assert magnitude_unit.enclose is not None
        if isinstance(module, MulMCFCSignINALU):
            sign = gated_twin(x.sign(), shares.twin)
        else:
            sign = half_turns(gate * x.negative(), shares.twin).cosine()
        return magnitude_unit.enclose(x.absolute()) * sign

    return Snapped(
        tuple(distances),
        evaluate,
        expressions,
        limits=("an input = 0: the unit takes its logarithm",),
        parameters=parameters,
        enclose=enclose,
        nonzero=magnitude_unit.positive,
    )
