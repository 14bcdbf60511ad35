"""What a training adds to the loss."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from extrapolate.nn import penalty
from extrapolate.training.schedule import Schedule


@dataclass(frozen=True)
class Penalty:
    """``schedule(step) * measure(model)``, added to the loss of the replicas whose loss is below ``loss_below``.

    ``measure`` is what the modules state themselves, unless said otherwise.
    """

    schedule: Schedule | float
    measure: Callable[[nn.Module], Tensor | float] = penalty
    loss_below: float = math.inf

    def weight(self, step: int) -> float:
        """The factor at a step: that of the schedule, or the number."""
        return self.schedule(step) if callable(self.schedule) else self.schedule

    def of(self, model: nn.Module, loss: Tensor, scale: Tensor) -> Tensor:
        """The penalty of one replica at a step whose scale is ``scale``."""
        value = scale * self.measure(model)
        if math.isinf(self.loss_below):
            return value
        return torch.where(loss.detach() < self.loss_below, value, 0.0)
