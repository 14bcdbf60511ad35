"""The units that take part, each with its published training settings.

Steps are those of a training of 50,000; another length takes them in proportion. Sources: the papers' run scripts
(bmistry4/nalm-benchmark, bmistry4/nalm-division, bmistry4/nalm-robust-nmu), as in docs/units.md.
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn as torch_nn

from extrapolate import nn
from extrapolate.training import Clip, Growth, Penalty, Step, Warmup

#: The length that the steps below are counted in.
PUBLISHED_STEPS = 50_000

Penalties = Callable[[int, str], tuple[Penalty, ...]]


def _in_proportion(steps: int, published: int) -> int:
    return steps * published // PUBLISHED_STEPS


def _warmup(scale: float, start: int, end: int) -> Penalties:
    """The units' own penalty, growing between two of the published steps."""

    def penalties(steps: int, operation: str) -> tuple[Penalty, ...]:
        first = _in_proportion(steps, start)
        return (Penalty(Warmup(max(_in_proportion(steps, end), first + 1), first, scale)),)

    return penalties


def _l1(steps: int, operation: str) -> tuple[Penalty, ...]:
    """β·Σ|p|: from 1e-7 to 1e-5, for division a hundredth of that."""
    share = 0.01 if operation == "div" else 1.0
    growth = Growth(1e-7 * share, 1e-5 * share, every=max(_in_proportion(steps, 10_000), 1))
    return (Penalty(growth, nn.l1_norm),)


def _l1_and_warmup(steps: int, operation: str) -> tuple[Penalty, ...]:
    return (*_l1(steps, operation), *_warmup(1.0, 40_000, 50_000)(steps, operation))


def _saturation(steps: int, operation: str) -> tuple[Penalty, ...]:
    """0.05 times the unit's own after a fifth of the steps, while the error of the batch is below 1."""
    return (Penalty(Step(0.05, _in_proportion(steps, 10_000)), loss_below=1.0),)


@dataclass(frozen=True)
class Recipe:
    """``penalties(steps, operation)``: what is added to the loss; ``restarts``: a stuck model starts anew."""

    penalties: Penalties = lambda steps, operation: ()
    learning_rate: float = 1e-3
    grad_clip: Clip | None = None
    restarts: bool = False


PLAIN = Recipe()
_ADDITION = Recipe(_warmup(0.01, 20_000, 35_000))
_MULTIPLICATION = Recipe(_warmup(10.0, 20_000, 35_000))
_POWER = Recipe(_l1, learning_rate=5e-3)
_MODIFIED_POWER = Recipe(_l1_and_warmup, learning_rate=5e-3)
_RECIPROCAL = Recipe(_warmup(10.0, 20_000, 35_000), learning_rate=1.0)
_RECIPROCAL_INPUTS = Recipe(_warmup(10.0, 20_000, 35_000), learning_rate=1e-2, grad_clip=Clip(norm=1.0))
_IMPROVED_NALU = Recipe(_saturation, grad_clip=Clip(value=0.1), restarts=True)


@dataclass(frozen=True)
class Unit:
    """``layer(in_features, 1)`` makes it; ``operations``: those it can represent, none for a general network."""

    layer: Callable[[int, int], torch_nn.Module]
    operations: frozenset[str]
    recipe: Recipe


_RECIPES: list[tuple[type[torch_nn.Module], Recipe]] = [
    (nn.NAC, PLAIN),
    (nn.NAU, _ADDITION),
    (nn.MCFC, _MULTIPLICATION),
    (nn.NMU, _MULTIPLICATION),
    (nn.StochasticNMU, _MULTIPLICATION),
    (nn.BatchStochasticNMU, _MULTIPLICATION),
    (nn.MNAC, PLAIN),
    (nn.MulMCFC, _MULTIPLICATION),
    (nn.MulMCFCSignINALU, _MULTIPLICATION),
    (nn.MulMCFCSignRealNPU, _MULTIPLICATION),
    (nn.NACMul, PLAIN),
    (nn.NPU, _POWER),
    (nn.RealNPU, _POWER),
    (nn.ModifiedRealNPU, _MODIFIED_POWER),
    (nn.NRU, _RECIPROCAL),
    (nn.NRUSeparateSign, _RECIPROCAL),
    (nn.NMRU, _RECIPROCAL_INPUTS),
    (nn.GatedNMRU, _RECIPROCAL_INPUTS),
    (nn.NALU, PLAIN),
    (nn.IndependentNALU, PLAIN),
    (nn.GNALU, PLAIN),
    (nn.INALU, _IMPROVED_NALU),
    (torch_nn.Linear, PLAIN),
    (nn.MLP, PLAIN),
]

#: By name; torch's linear layer states no operations of its own.
UNITS: dict[str, Unit] = {
    layer.__name__: Unit(layer, getattr(layer, "operations", frozenset({"add", "sub"})), recipe)
    for layer, recipe in _RECIPES
}
