"""Numbers that a training adapts to what it has measured: learning rates, weights of penalties."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from extrapolate.training.history import History
from extrapolate.training.schedule import Schedule


class AdaptiveValue(Protocol):
    """A number of each replica as a function of the history alone, so that a resumed training finds it again."""

    def of(self, history: History) -> Tensor:
        """(R,), or a scalar for all replicas, float64."""
        ...


class AdaptiveValues:
    """Adaptive values by name, updated in place after every evaluation.

    ::

        values = AdaptiveValues({"rate": ReduceOnPlateau("loss", 0.01)}, replicas)
        TrainConfig(..., lr_schedule=values.schedule("rate"), per_replica=values.numbers, feedback=values)

    The loss reads the numbers through ``per_replica``. An optimizer that takes a tensor (R,) of learning rates, at
    learning rate 1, reads one through ``lr_schedule``.
    """

    def __init__(
        self, values: Mapping[str, AdaptiveValue], replicas: int, *, device: torch.device | str = "cpu"
    ) -> None:
        self.values = values
        self.numbers = {name: torch.zeros(replicas, device=device) for name in values}
        self.update(History("", {}))

    def schedule(self, name: str) -> Schedule:
        """A schedule that always returns the current numbers of this name."""
        return _Current(self.numbers[name])

    def update(self, history: History) -> None:
        """Compute all numbers from the history, in place."""
        for name, value in self.values.items():
            self.numbers[name].copy_(value.of(history))


@dataclass(frozen=True)
class _Current:
    numbers: Tensor

    def __call__(self, step: int) -> Any:
        """(R,); a float if there is one replica."""
        return self.numbers.clone() if len(self.numbers) > 1 else float(self.numbers)


@dataclass(frozen=True)
class ReduceOnPlateau:
    """A learning rate that falls by ``factor`` where the metric has not improved for two evaluations.

    That is where the lower of the last two values is above the value before them. Source: the code of Freivalds &
    Liepins 2017, which looks at the mean of the training loss every 200 steps.
    """

    metric: str
    rate: float
    factor: float = 0.7
    floor: float = 1 / 60

    def of(self, history: History) -> Tensor:
        losses = history.metrics.get(self.metric)
        if losses is None or len(losses) < 3:
            return torch.tensor(self.rate, dtype=torch.float64)
        stuck = losses[:-2] < torch.minimum(losses[1:-1], losses[2:])
        return self.rate * (self.factor ** stuck.sum(0).double()).clamp_min(self.floor)


@dataclass(frozen=True)
class LinearDecay:
    """A learning rate that is constant up to step ``begin``, then falls linearly to ``floor`` of it at step ``end``.

    It changes at evaluations, since it is a function of the history.
    """

    rate: float
    begin: int
    end: int
    floor: float = 1 / 60

    def of(self, history: History) -> Tensor:
        step = int(history.steps[-1]) if len(history.steps) else 0
        left = min(max((self.end - step) / (self.end - self.begin), self.floor), 1.0)
        return torch.tensor(self.rate * left, dtype=torch.float64)


@dataclass(frozen=True)
class Scaled:
    """``factor`` times another value."""

    value: AdaptiveValue
    factor: float

    def of(self, history: History) -> Tensor:
        return self.factor * self.value.of(history)


@dataclass(frozen=True)
class ReduceOnSuccess:
    """Another value, times ``factor`` from the first evaluation on at which the metric is below ``threshold``.

    A lower learning rate lets the weights that were found settle.
    """

    value: AdaptiveValue
    metric: str
    threshold: float
    factor: float

    def of(self, history: History) -> Tensor:
        number = self.value.of(history)
        if not len(history.steps):
            return number
        found = (history.metrics[self.metric] < self.threshold).any(0)
        return torch.where(found, self.factor * number, number)


@dataclass(frozen=True)
class BalancedWeight:
    """The weight of a penalty that keeps it at about the learning rate times the loss: rate · loss / penalty.

    It starts at ``most`` and stays between ``least`` and ``most``. Source: the code of Freivalds & Liepins 2017, for
    their saturation cost.
    """

    loss: str
    penalty: str
    rate: AdaptiveValue
    least: float = 1e-20
    most: float = 1e-3

    def of(self, history: History) -> Tensor:
        if not len(history.steps):
            return torch.tensor(self.most, dtype=torch.float64)
        latest = history.latest()
        weight = self.rate.of(history) * latest[self.loss] / latest[self.penalty]
        # the weight of a penalty of 0 does not matter; after a loss that is NaN the first weight stays
        return weight.nan_to_num(nan=self.most, posinf=self.most).clamp(self.least, self.most)
