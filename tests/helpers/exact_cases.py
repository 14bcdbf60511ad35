"""Modules of every kind that ``exact`` supports, as after training: weights within ``noise`` of exact ones."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import sympy
import torch
from torch import Tensor, nn

from extrapolate import nn as units
from extrapolate.nn.contract import boxes as boxes_of

a, b = sympy.symbols("a b")


@dataclass(frozen=True)
class Case:
    """``build(noise)`` returns a module that computes ``formula`` of a and b."""

    build: Callable[[float], nn.Module]
    formula: list[sympy.Expr]


@torch.no_grad()
def near(unit: nn.Module, noise: float, **parameters: list) -> nn.Module:
    """Set ``parameters`` of ``unit``, with random errors up to ``noise``, inside its box."""
    rng = torch.Generator().manual_seed(1)
    boxes = dict(boxes_of(unit))
    for name, values in parameters.items():
        exact = torch.tensor(values)
        error = noise * (2 * torch.rand(exact.shape, generator=rng) - 1)
        low, high = boxes.get(name, (-torch.inf, torch.inf))
        inside = (exact + error >= low) & (exact + error <= high)
        unit.get_parameter(name).copy_(torch.where(inside, exact + error, exact - error))
    return unit


@torch.no_grad()
def saturated(unit: nn.Module, noise: float, trits: list, prefix: str = "") -> nn.Module:
    """Set tanh(w_hat)·sigmoid(m_hat) of ``unit`` to ``trits`` (-1, 0, 1), with errors of about ``noise``."""
    size = math.log(1 / noise)
    unit.get_parameter(f"{prefix}w_hat").copy_(size * torch.tensor(trits))
    unit.get_parameter(f"{prefix}m_hat").fill_(size)
    return unit


def logits(noise: float, bits: list) -> Tensor:
    """Return logits whose sigmoid is ``bits`` (0 or 1), with an error of about ``noise``."""
    return math.log(1 / noise) * (2 * torch.tensor(bits) - 1)


@torch.no_grad()
def inalu(noise: float, gate: float, added: list, multiplied: list) -> nn.Module:
    unit = units.INALU(2, 1)
    saturated(unit, noise, added, "additive.")
    saturated(unit, noise, multiplied, "multiplicative.")
    unit.gate.copy_(logits(noise, [gate]))
    return unit


@torch.no_grad()
def mass(kind: type[nn.Module], noise: float, prefix: str = "mcfc.", **more: list) -> nn.Module:
    """Return a unit whose first output takes both inputs; the gate of the second output is closed."""
    unit = near(kind(2, 2), noise, **more)
    unit.get_parameter(f"{prefix}junction").copy_(logits(noise, [[1.0, 1.0], [0.0, 0.0]]))
    unit.get_parameter(f"{prefix}gate_weight").copy_(logits(noise, [[1.0], [0.0]]))
    return unit


@torch.no_grad()
def mnac(noise: float) -> nn.Module:
    unit = units.MNAC(2, 1)
    unit.w_hat.copy_(logits(noise, [[1.0, 0.0]]))
    return unit


def npu(kind: type[nn.Module], noise: float, weight: list, gate: list, **more: list) -> nn.Module:
    return near(kind(2, 1), noise, weight=[weight], gate=gate, **more)


def stack(noise: float) -> nn.Module:
    """Return a model of (a + b)·(a - b)/2."""
    return nn.Sequential(
        near(units.NAU(2, 2), noise, weight=[[1.0, 1.0], [1.0, -1.0]]),
        nn.Sequential(near(units.NMU(2, 1), noise, weight=[[1.0, 1.0]]), nn.Identity()),
        near(nn.Linear(1, 1), noise, weight=[[0.5]], bias=[0.0]),
    )


class Doubler(nn.Module):
    """A unit that a user defines."""

    in_features = 1

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([[2.0]]))

    def reset_parameters(self) -> None:
        nn.init.uniform_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.weight[0, 0] * x


ONE, QUOTIENT = sympy.Integer(1), [[1.0, 0.0, 0.0, 1.0]]

CASES = {
    "NAC": Case(lambda n: saturated(units.NAC(2, 1), n, [[1.0, -1.0]]), [a - b]),
    "NAU": Case(lambda n: near(units.NAU(2, 1), n, weight=[[1.0, -1.0]]), [a - b]),
    "MCFC": Case(lambda n: mass(units.MCFC, n, ""), [a + b, sympy.Integer(0)]),
    "NMU": Case(lambda n: near(units.NMU(2, 2), n, weight=[[1.0, 1.0], [0.0, 1.0]]), [a * b, b]),
    "StochasticNMU": Case(lambda n: near(units.StochasticNMU(2, 1), n, weight=[[1.0, 1.0]]), [a * b]),
    "BatchStochasticNMU": Case(lambda n: near(units.BatchStochasticNMU(2, 1), n, weight=[[1.0, 0.0]]), [a]),
    "MNAC": Case(mnac, [a]),
    "NACMul": Case(lambda n: saturated(units.NACMul(2, 1), n, [[1.0, -1.0]]), [sympy.Abs(a) / sympy.Abs(b)]),
    "NRU": Case(lambda n: near(units.NRU(2, 1), n, weight=[[1.0, -1.0]]), [a / b]),
    "NRU, unused input": Case(lambda n: near(units.NRU(2, 1), n, weight=[[1.0, 0.0]]), [a]),
    "NRUSeparateSign": Case(lambda n: near(units.NRUSeparateSign(2, 1), n, weight=[[1.0, -1.0]]), [a / b]),
    "RealNPU": Case(lambda n: npu(units.RealNPU, n, [1.0, -1.0], [1.0, 1.0]), [a / b]),
    "RealNPU, closed gate": Case(lambda n: npu(units.RealNPU, n, [1.0, 0.3], [1.0, 0.0]), [a]),
    "RealNPU, unused input": Case(lambda n: npu(units.RealNPU, n, [1.0, 0.0], [1.0, 0.4]), [a]),
    "ModifiedRealNPU": Case(lambda n: npu(units.ModifiedRealNPU, n, [1.0, -1.0], [1.0, 1.0]), [a / b]),
    "NPU": Case(
        lambda n: npu(units.NPU, n, [0.5, 2.0], [1.0, 1.0], weight_imag=[[0.0, 0.0]]), [sympy.sqrt(a) * b**2]
    ),
    "NMRU": Case(lambda n: near(units.NMRU(2, 1), n, weight=QUOTIENT), [a / b]),
    "GatedNMRU": Case(lambda n: near(units.GatedNMRU(2, 1), n, weight=QUOTIENT, gate=[1.0, 0.2, 0.2, 1.0]), [a / b]),
    "INALU, sum": Case(lambda n: inalu(n, 1.0, [[1.0, -1.0]], [[1.0, 1.0]]), [a - b]),
    "INALU, quotient": Case(lambda n: inalu(n, 0.0, [[1.0, 1.0]], [[1.0, -1.0]]), [a / b]),
    "MulMCFC": Case(lambda n: mass(units.MulMCFC, n), [a * b, ONE]),
    "MulMCFCSignINALU": Case(lambda n: mass(units.MulMCFCSignINALU, n), [a * b, ONE]),
    "MulMCFCSignRealNPU": Case(lambda n: mass(units.MulMCFCSignRealNPU, n, gate=[1.0, 1.0]), [a * b, ONE]),
    "Linear": Case(
        lambda n: near(nn.Linear(2, 1), n, weight=[[1.8, -0.5]], bias=[32.0]),
        [sympy.Rational(9, 5) * a - b / 2 + 32],
    ),
    "Sequential": Case(stack, [(a + b) * (a - b) / 2]),
}
