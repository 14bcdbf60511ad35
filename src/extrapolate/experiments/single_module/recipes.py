"""The published training settings, by the idea they train.

Steps are those of a training of 50,000; another length takes them in proportion. Sources: the papers' run
scripts (bmistry4/nalm-benchmark, bmistry4/nalm-division, bmistry4/nalm-robust-nmu), as in docs/units.md.
"""

from collections.abc import Callable
from dataclasses import dataclass

from extrapolate import nn
from extrapolate.training import Clip, Growth, Penalty, Step, Warmup

#: The length that the steps below are counted in.
PUBLISHED_STEPS = 50_000

Penalties = Callable[[int, str], tuple[Penalty, ...]]


def _share(steps: int, published: int) -> int:
    return steps * published // PUBLISHED_STEPS


def _ramp(scale: float, start: int, end: int) -> Penalties:
    """The units' own penalty, growing between two of the published steps."""

    def penalties(steps: int, operation: str) -> tuple[Penalty, ...]:
        first = _share(steps, start)
        return (Penalty(Warmup(max(_share(steps, end), first + 1), first, scale)),)

    return penalties


def _no_penalties(steps: int, operation: str) -> tuple[Penalty, ...]:
    return ()


def _l1(steps: int, operation: str) -> tuple[Penalty, ...]:
    """β·Σ|p|: from 1e-7 to 1e-5, for division a hundredth of that."""
    share = 0.01 if operation == "div" else 1.0
    growth = Growth(1e-7 * share, 1e-5 * share, every=max(_share(steps, 10_000), 1))
    return (Penalty(growth, nn.l1_norm),)


def _l1_and_ramp(steps: int, operation: str) -> tuple[Penalty, ...]:
    return (*_l1(steps, operation), *_ramp(1.0, 40_000, 50_000)(steps, operation))


def _saturation(steps: int, operation: str) -> tuple[Penalty, ...]:
    """0.05 times the unit's own after a fifth of the steps, while the error of the batch is below 1."""
    return (Penalty(Step(0.05, _share(steps, 10_000)), loss_below=1.0),)


@dataclass(frozen=True)
class Recipe:
    """``penalties(steps, operation)``: what is added to the loss; ``restarts``: a stuck model starts anew."""

    penalties: Penalties = _no_penalties
    learning_rate: float = 1e-3
    clip: Clip | None = None
    restarts: bool = False


PLAIN = Recipe()
ADDITION = Recipe(_ramp(0.01, 20_000, 35_000))
MULTIPLICATION = Recipe(_ramp(10.0, 20_000, 35_000))
POWER = Recipe(_l1, learning_rate=5e-3)
MODIFIED_POWER = Recipe(_l1_and_ramp, learning_rate=5e-3)
RECIPROCAL = Recipe(_ramp(10.0, 20_000, 35_000), learning_rate=1.0)
RECIPROCAL_INPUTS = Recipe(_ramp(10.0, 20_000, 35_000), learning_rate=1e-2, clip=Clip(norm=1.0))
IMPROVED_NALU = Recipe(_saturation, clip=Clip(value=0.1), restarts=True)
