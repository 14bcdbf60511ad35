"""Numbers that a training takes from what it has measured: learning rates, weights of costs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from extrapolate.training.history import History
from extrapolate.training.schedule import Schedule


class Rule(Protocol):
    """A number of each replica as a function of the history alone: so a resumed training finds it again."""

    def of(self, history: History) -> Tensor:
        """(R,), or one number for all, float64."""
        ...


class Feedback:
    """Rules whose numbers are brought up to date after every evaluation, in place.

    ::

        feedback = Feedback({"rate": Plateau("loss", 0.01)}, len(replicas))
        TrainConfig(..., lr_schedule=feedback.schedule("rate"), per_replica=feedback.numbers, feedback=feedback)

    Numbers reach the loss through ``per_replica``, and an optimizer of learning rate 1 that takes a tensor (R,) of
    rates through ``lr_schedule``.
    """

    def __init__(self, rules: Mapping[str, Rule], count: int, *, device: torch.device | str = "cpu") -> None:
        self.rules = rules
        self.numbers = {name: torch.zeros(count, device=device) for name in rules}
        self.update(History("", {}))

    def __getitem__(self, name: str) -> Tensor:
        """The tensor (R,) that holds the number of this name."""
        return self.numbers[name]

    def schedule(self, name: str) -> Schedule:
        """The number of this name as a factor on learning rates, at any step the present one."""
        return _Present(self.numbers[name])

    def update(self, history: History) -> None:
        """Bring the numbers up to date, in place."""
        for name, rule in self.rules.items():
            self.numbers[name].copy_(rule.of(history))


@dataclass(frozen=True)
class _Present:
    numbers: Tensor

    def __call__(self, step: int) -> Any:
        """(R,), or of a single replica a plain number."""
        return self.numbers.clone() if len(self.numbers) > 1 else float(self.numbers)


@dataclass(frozen=True)
class Plateau:
    """A learning rate that falls by ``factor`` where the loss has made no progress for two evaluations.

    That is where the least of the last two is more than the least of the last three. Source: the code of Freivalds &
    Liepins 2017, which looks at the mean of the training loss every 200 steps.
    """

    measure: str
    rate: float
    factor: float = 0.7
    floor: float = 1 / 60

    def of(self, history: History) -> Tensor:
        losses = history.metrics.get(self.measure)
        if losses is None or len(losses) < 3:
            return torch.tensor(self.rate, dtype=torch.float64)
        stuck = losses[:-2] < torch.minimum(losses[1:-1], losses[2:])
        return self.rate * (self.factor ** stuck.sum(0).double()).clamp_min(self.floor)


@dataclass(frozen=True)
class Scaled:
    """A share of another rule's number."""

    rule: Rule
    factor: float

    def of(self, history: History) -> Tensor:
        return self.factor * self.rule.of(history)


@dataclass(frozen=True)
class Falling:
    """A learning rate that stays, and from the step ``begin`` on falls linearly to ``floor`` of it at ``end``.

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
class Lowered:
    """Another rule's number, times ``factor`` from the first success on: a learning rate that settles what was found.

    A success: the measure is below the threshold.
    """

    rule: Rule
    measure: str
    threshold: float
    factor: float

    def of(self, history: History) -> Tensor:
        number = self.rule.of(history)
        if not len(history.steps):
            return number
        found = successes(history, self.measure, self.threshold) > 0
        return torch.where(found, self.factor * number, number)


@dataclass(frozen=True)
class Balance:
    """The weight of a cost that keeps it at about the learning rate times the loss: rate · loss / cost.

    Between ``least`` and ``most``, which it begins with. Source: the code of Freivalds & Liepins 2017, for their
    saturation cost.
    """

    loss: str
    cost: str
    rate: Rule
    least: float = 1e-20
    most: float = 1e-3

    def of(self, history: History) -> Tensor:
        if not len(history.steps):
            return torch.tensor(self.most, dtype=torch.float64)
        latest = history.latest()
        weight = self.rate.of(history) * latest[self.loss] / latest[self.cost]
        # a cost of nothing needs no weight to speak of; a loss that is no number keeps the first one
        return weight.nan_to_num(nan=self.most, posinf=self.most).clamp(self.least, self.most)


def successes(history: History, measure: str, threshold: float) -> Tensor:
    """At how many evaluations the measure was below the threshold, int64 (R,)."""
    return (history.metrics[measure] < threshold).sum(0)
