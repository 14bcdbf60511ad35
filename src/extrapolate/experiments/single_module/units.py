"""The units that take part, each with its published training setting."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn as torch_nn

from extrapolate import nn
from extrapolate.training import PenaltySchedule


@dataclass(frozen=True)
class UnitSetup:
    """How a unit is made (from its number of inputs), which operations it can represent, how it is trained."""

    build: Callable[[int], torch_nn.Module]
    operations: frozenset[str]
    penalty_scale: float = 0.0

    def penalty(self, steps: int) -> PenaltySchedule:
        """The published schedule, 20,000 to 35,000 of 50,000 steps, in proportion for other lengths."""
        return PenaltySchedule(self.penalty_scale, start=steps * 2 // 5, end=max(steps * 7 // 10, 1))


UNITS: dict[str, UnitSetup] = {
    "NAC": UnitSetup(lambda i: nn.NAC(i, 1), nn.NAC.operations),
    "NAU": UnitSetup(lambda i: nn.NAU(i, 1), nn.NAU.operations, penalty_scale=0.01),
    "NMU": UnitSetup(lambda i: nn.NMU(i, 1), nn.NMU.operations, penalty_scale=10.0),
    "StochasticNMU": UnitSetup(
        lambda i: nn.StochasticNMU(i, 1), nn.StochasticNMU.operations, penalty_scale=10.0
    ),
    "BatchStochasticNMU": UnitSetup(
        lambda i: nn.BatchStochasticNMU(i, 1), nn.BatchStochasticNMU.operations, penalty_scale=10.0
    ),
    "NACMul": UnitSetup(lambda i: nn.NACMul(i, 1), nn.NACMul.operations),
    "NALU": UnitSetup(lambda i: nn.NALU(i, 1), nn.NALU.operations),
    "MLP": UnitSetup(lambda i: nn.MLP(i, 1, hidden_features=100), nn.MLP.operations),
}
