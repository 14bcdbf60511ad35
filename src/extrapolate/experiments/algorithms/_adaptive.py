"""Numbers that a training adapts to what it has measured: learning rates, weights of penalties."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from extrapolate.training.history import History
from extrapolate.training.schedule import Schedule

#: A number of each replica, (R,), or a scalar for all, float64. It depends on the history alone, so that a resumed
#: training finds it again.
AdaptiveValue = Callable[[History], Tensor]

#: Error rates below the first are 0; the second is a factor on the learning rate once there was no error.
NO_ERROR, SETTLING = 1e-9, 0.2

#: The lowest learning rate, as a share of the first one.
FLOOR = 1 / 60


class AdaptiveValues:
    """Adaptive values by name, updated in place after every evaluation: the ``feedback`` of a training.

    The loss reads the ``numbers`` if they are the training's ``per_replica``. An optimizer that takes a tensor (R,)
    of learning rates, at learning rate 1, reads them through a ``schedule``.
    """

    def __init__(self, values: Mapping[str, AdaptiveValue], replicas: int, device: str = "cpu") -> None:
        self.values = values
        self.current = {name: torch.zeros(replicas, device=device) for name in values}
        self.update(History("", {}))

    def schedule(self, name: str) -> Schedule:
        """A schedule that always returns the current numbers of this name: (R,), or a float for one replica."""
        numbers = self.current[name]

        def current(step: int) -> Any:
            return numbers.clone() if len(numbers) > 1 else float(numbers)

        return current

    def update(self, history: History) -> None:
        """Compute all numbers from the history, in place."""
        for name, value in self.values.items():
            self.current[name].copy_(value(history))


def reduce_on_plateau(learning_rate: float) -> AdaptiveValue:
    """A learning rate that falls by a factor of 0.7 where the metric ``loss`` has not improved for two evaluations.

    That is where the lower of the last two values is above the value before them. Source: the code of Freivalds &
    Liepins 2017, which looks at the mean of the training loss every 200 steps.
    """

    def value(history: History) -> Tensor:
        losses = history.metrics.get("loss")
        if losses is None or len(losses) < 3:
            return torch.tensor(learning_rate, dtype=torch.float64)
        stuck = losses[:-2] < torch.minimum(losses[1:-1], losses[2:])
        return learning_rate * (0.7 ** stuck.sum(0).double()).clamp_min(FLOOR)

    return value


def linear_decay(learning_rate: float, begin: int, end: int) -> AdaptiveValue:
    """A learning rate that is constant up to step ``begin``, then falls linearly, at evaluations, up to ``end``."""

    def value(history: History) -> Tensor:
        step = int(history.steps[-1]) if len(history.steps) else 0
        left = min(max((end - step) / (end - begin), FLOOR), 1.0)
        return torch.tensor(learning_rate * left, dtype=torch.float64)

    return value


def settle(value: AdaptiveValue) -> AdaptiveValue:
    """A lower learning rate from the first evaluation without ``errors`` on, to let the weights settle."""

    def lowered(history: History) -> Tensor:
        number = value(history)
        if not len(history.steps):
            return number
        found = (history.metrics["errors"] < NO_ERROR).any(0)
        return torch.where(found, SETTLING * number, number)

    return lowered


def balance(learning_rate: AdaptiveValue) -> AdaptiveValue:
    """The weight of the metric ``saturation`` as a penalty: rate · loss / saturation, from 1e-20 to 1e-3.

    It starts at 1e-3. Source: the code of Freivalds & Liepins 2017.
    """
    most = 1e-3

    def weight(history: History) -> Tensor:
        if not len(history.steps):
            return torch.tensor(most, dtype=torch.float64)
        latest = history.latest()
        number = learning_rate(history) * latest["loss"] / latest["saturation"]
        # the weight of a penalty of 0 does not matter; after a loss that is NaN the first weight stays
        return number.nan_to_num(nan=most, posinf=most).clamp(1e-20, most)

    return weight
