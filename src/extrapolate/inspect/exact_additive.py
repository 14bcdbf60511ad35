"""Exact weights of the units that add, and of ``nn.Linear``."""

from collections.abc import Mapping
from fractions import Fraction

import sympy
import torch
from torch import Tensor, nn

from extrapolate.inspect.exact_bounds import Twin
from extrapolate.inspect.exact_units import (
    BITS,
    TRITS,
    ExactWeights,
    Snapped,
    exact_rule,
    snap_to,
    snap_to_fraction,
)
from extrapolate.nn import MCFC, NAC, NAU

#: tanh, sigmoid and softmax of ±SATURATED are exactly -1, 0 or 1 in every floating-point type.
SATURATED = 1000.0


def rational(value: Fraction) -> sympy.Expr:
    return sympy.Rational(value.numerator, value.denominator)


def affine(
    weight: ExactWeights, bias: ExactWeights | None = None, parameters: Mapping[str, Tensor] | None = None
) -> Snapped:
    """y = W x + b."""
    matrix = weight.matrix
    shift = bias.fractions if bias else [Fraction(0)] * len(matrix)

    def enclose(x: Twin) -> Twin:
        products = (weight.twin * x).sum()
        return products + bias.twin if bias else products

    return Snapped(
        (*weight.distances, *(bias.distances if bias else ())),
        evaluate=lambda x: [
            sum((w * v for w, v in zip(row, x, strict=True)), start=b) for row, b in zip(matrix, shift, strict=True)
        ],
        expressions=lambda x: [
            sympy.Add(rational(b), *(rational(w) * v for w, v in zip(row, x, strict=True)))
            for row, b in zip(matrix, shift, strict=True)
        ],
        parameters=parameters,
        enclose=enclose,
    )


def saturated_trits(exact: Tensor) -> dict[str, Tensor]:
    """Return Ŵ and M̂ with tanh(Ŵ)·σ(M̂) = ``exact``, whose entries are -1, 0 or 1."""
    return {"w_hat": SATURATED * exact, "m_hat": torch.full_like(exact, SATURATED)}


def saturated_bits(exact: Tensor) -> Tensor:
    """Return logits whose sigmoid is ``exact``, whose entries are 0 or 1."""
    return SATURATED * (2 * exact - 1)


def saturated_shares(exact: Tensor) -> dict[str, Tensor]:
    """Return parameters of an MCFC with the weight ``exact`` (O, I): 0 or 1, at most one 1 per column.

    Inputs that no output uses are assigned to an output with a closed gate.
    """
    open_gate = exact.amax(1)
    shares = exact.clone()
    shares[open_gate.argmin()] += 1 - exact.sum(0)
    return {
        "junction": saturated_bits(shares),
        "gate_weight": saturated_bits(open_gate)[:, None],
        "gate_bias": torch.zeros_like(open_gate),
    }


@exact_rule(NAU)
def _snap_boxed_trits(module: nn.Module, tolerance: float) -> Snapped:
    assert isinstance(module, NAU)
    weight = snap_to("weight", module.weight, TRITS, tolerance)
    return affine(weight, parameters={"weight": weight.exact})


@exact_rule(NAC)
def _trits(module: nn.Module, tolerance: float) -> Snapped:
    assert isinstance(module, NAC)
    weight = snap_to("weight", module.effective_weight(), TRITS, tolerance)
    return affine(weight, parameters=saturated_trits(weight.exact))


@exact_rule(MCFC)
def _snap_shares(module: nn.Module, tolerance: float) -> Snapped:
    assert isinstance(module, MCFC)
    weight = snap_to("weight", module.effective_weight(), BITS, tolerance)
    return affine(weight, parameters=saturated_shares(weight.exact))


@exact_rule(nn.Linear)
def _linear(module: nn.Module, tolerance: float) -> Snapped:
    assert isinstance(module, nn.Linear)
    weight = snap_to_fraction("weight", module.weight, tolerance)
    if module.bias is None:
        return affine(weight, parameters={"weight": weight.exact})
    bias = snap_to_fraction("bias", module.bias, tolerance)
    return affine(weight, bias, {"weight": weight.exact, "bias": bias.exact})


@exact_rule(nn.Identity)
def _identity(module: nn.Module, tolerance: float) -> Snapped:
    return Snapped((), evaluate=lambda x: x, expressions=lambda x: list(x), parameters={}, enclose=lambda x: x)
