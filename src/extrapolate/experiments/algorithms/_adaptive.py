"""Values that adapt to the history of a training: learning rates, weights of penalties."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from extrapolate.training.history import History
from extrapolate.training.schedule import Schedule

#: ``value(history)``: one number per replica, (R,), or a scalar for all, float64. It depends on the history alone, so
#: that a resumed training computes the same number.
AdaptiveValue = Callable[[History], Tensor]

#: An error rate below NO_ERROR counts as 0. SETTLING is the factor on the learning rate from then on.
NO_ERROR, SETTLING = 1e-9, 0.2

#: Lowest learning rate, as a share of the initial one.
FLOOR = 1 / 60


class AdaptiveValues:
    """Adaptive values by name, updated in place after every evaluation: the ``feedback`` of a training.

    Pass ``current`` as ``per_replica`` of the training so that the loss can read the values. An optimizer with
    learning rate 1 that takes a tensor (R,) of learning rates reads them through ``schedule``.
    """

    def __init__(self, values: Mapping[str, AdaptiveValue], replicas: int, device: str = "cpu") -> None:
        self.values = values
        self.current = {name: torch.zeros(replicas, device=device) for name in values}
        self.update(History("", {}))

    def schedule(self, name: str) -> Schedule:
        """Return a schedule that always returns the current value of this name: (R,), or a float for one replica."""
        numbers = self.current[name]

        def current(step: int) -> Any:
            return numbers.clone() if len(numbers) > 1 else float(numbers)

        return current

    def update(self, history: History) -> None:
        """Compute all values from the history, in place."""
        for name, value in self.values.items():
            self.current[name].copy_(value(history))


def reduce_on_plateau(learning_rate: float) -> AdaptiveValue:
    """Return a learning rate that is multiplied by 0.7 if the metric ``loss`` has not improved for two evaluations.

    It has not improved if the lower of the last two values is above the value before them. Source: the code of
    Freivalds & Liepins 2017, which uses the mean of the training loss every 200 steps.
    """

    def value(history: History) -> Tensor:
        losses = history.metrics.get("loss")
        if losses is None or len(losses) < 3:
            return torch.tensor(learning_rate, dtype=torch.float64)
        stuck = losses[:-2] < torch.minimum(losses[1:-1], losses[2:])
        return learning_rate * (0.7 ** stuck.sum(0).double()).clamp_min(FLOOR)

    return value


def linear_decay(learning_rate: float, begin: int, end: int) -> AdaptiveValue:
    """Return a learning rate that is constant up to step ``begin``, then falls linearly up to ``end``.

    It changes at evaluations only.
    """

    def value(history: History) -> Tensor:
        step = int(history.steps[-1]) if len(history.steps) else 0
        left = min(max((end - step) / (end - begin), FLOOR), 1.0)
        return torch.tensor(learning_rate * left, dtype=torch.float64)

    return value


def settle(value: AdaptiveValue) -> AdaptiveValue:
    """Return a learning rate that is multiplied by SETTLING from the first evaluation without ``errors`` on."""

    def lowered(history: History) -> Tensor:
        number = value(history)
        if not len(history.steps):
            return number
        found = (history.metrics["errors"] < NO_ERROR).any(0)
        return torch.where(found, SETTLING * number, number)

    return lowered


def balance(learning_rate: AdaptiveValue) -> AdaptiveValue:
    """Return the weight of the saturation penalty: learning rate · loss / saturation, within [1e-20, 1e-3].

    It starts at 1e-3. ``loss`` and ``saturation`` are metrics. Source: the code of Freivalds & Liepins 2017.
    """
    most = 1e-3

    def weight(history: History) -> Tensor:
        if not len(history.steps):
            return torch.tensor(most, dtype=torch.float64)
        latest = history.latest()
        number = learning_rate(history) * latest["loss"] / latest["saturation"]
        # saturation 0: any weight will do; loss NaN: the initial weight
        return number.nan_to_num(nan=most, posinf=most).clamp(1e-20, most)

    return weight
