"""What a training adds to the loss, and how its weight changes over the steps."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from extrapolate.nn import penalty


class Schedule(Protocol):
    """A number for each step."""

    def at(self, step: int) -> float: ...


@dataclass(frozen=True)
class Ramp:
    """scale · r(step), r rising linearly from 0 at ``start`` to 1 at ``end``.

    Raises:
        ValueError: ``end`` does not come after ``start``.
    """

    scale: float
    start: int
    end: int

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise ValueError(f"ramp: end={self.end} must come after start={self.start}")

    def at(self, step: int) -> float:
        return self.scale * min(max((step - self.start) / (self.end - self.start), 0.0), 1.0)


@dataclass(frozen=True)
class Growth:
    """``first``, ten times as much every ``every`` steps, up to ``last``."""

    first: float
    last: float
    every: int = 10_000

    def __post_init__(self) -> None:
        if self.every < 1 or not 0 < self.first <= self.last:
            raise ValueError(f"growth: {self} needs every of at least 1 and 0 < first <= last")

    def at(self, step: int) -> float:
        return min(self.first * 10.0 ** (step // self.every), self.last)


@dataclass(frozen=True)
class Step:
    """0 up to and with ``after``, then ``scale``."""

    scale: float
    after: int

    def at(self, step: int) -> float:
        return self.scale if step > self.after else 0.0


@dataclass(frozen=True)
class Penalty:
    """schedule(step) · measure(model), added to the loss of the replicas whose loss is below ``loss_below``.

    ``measure`` is what the modules state themselves, unless said otherwise.
    """

    schedule: Schedule
    measure: Callable[[nn.Module], Tensor | float] = penalty
    loss_below: float = math.inf

    def of(self, model: nn.Module, loss: Tensor, scale: Tensor) -> Tensor:
        """The penalty of one replica at a step whose scale is ``scale``."""
        value = scale * self.measure(model)
        if math.isinf(self.loss_below):
            return value
        return torch.where(loss.detach() < self.loss_below, value, 0.0)
