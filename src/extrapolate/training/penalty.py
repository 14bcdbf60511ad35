"""A penalty that is added to the loss."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from extrapolate.nn import penalty
from extrapolate.training.schedule import Schedule


@dataclass(frozen=True)
class Penalty:
    """Adds ``schedule(step) * measure(model)`` to the loss of every replica whose loss is below ``loss_below``.

    Args:
        schedule: the weight of the penalty: a :class:`Schedule` or a constant.
        measure: returns the penalty of one replica. Default: :func:`extrapolate.nn.penalty`, the sum of the
            penalties that its modules define.
        loss_below: replicas with a loss of at least this value have no penalty. Default: no limit.
    """

    schedule: Schedule | float
    measure: Callable[[nn.Module], Tensor | float] = penalty
    loss_below: float = math.inf

    def weight(self, step: int) -> float:
        """Return the weight of the penalty at a step."""
        return self.schedule(step) if callable(self.schedule) else self.schedule

    def of(self, model: nn.Module, loss: Tensor, scale: Tensor) -> Tensor:
        """Return ``scale`` times the penalty of one replica."""
        value = scale * self.measure(model)
        if math.isinf(self.loss_below):
            return value
        return torch.where(loss.detach() < self.loss_below, value, 0.0)
