"""Numbers that a training takes from what it has measured: learning rates, weights of costs, how far it has come."""

from collections.abc import Callable, Mapping
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

        feedback = Feedback({"rate": Plateau("loss", 0.01)}, replicas, ends=lambda history: ...)
        Plan(..., optimizer=AdaMax with lr 1, rate=feedback.schedule("rate"), given=feedback.numbers, until=feedback)

    Numbers reach the loss through ``Plan.given``, and an optimizer that takes a tensor (R,) of learning rates through
    ``Plan.rate``. As ``Plan.until`` it is asked after every evaluation, and before a resumed training goes on.
    """

    def __init__(
        self,
        rules: Mapping[str, Rule],
        count: int,
        *,
        device: torch.device | str = "cpu",
        ends: Callable[[History], bool] | None = None,
    ) -> None:
        self.rules, self.ends = rules, ends
        self.numbers = {name: torch.zeros(count, device=device) for name in rules}
        self._update(History("", {}))

    def __getitem__(self, name: str) -> Tensor:
        """The tensor (R,) that holds the number of this name."""
        return self.numbers[name]

    def schedule(self, name: str) -> Schedule:
        """The number of this name as a factor on learning rates, at any step the present one."""
        return _Present(self.numbers[name])

    def __call__(self, history: History) -> bool:
        """Brings the numbers up to date; whether the training is to end."""
        self._update(history)
        return self.ends is not None and self.ends(history)

    def _update(self, history: History) -> None:
        for name, rule in self.rules.items():
            self.numbers[name].copy_(rule.of(history))


@dataclass(frozen=True)
class _Present:
    numbers: Tensor

    def at(self, step: int) -> Any:
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
        losses = history.measures.get(self.measure)
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
        step = history.steps[-1] if history.steps else 0
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
        if not history.steps:
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
        if not history.steps:
            return torch.tensor(self.most, dtype=torch.float64)
        latest = history.latest()
        weight = self.rate.of(history) * latest[self.loss] / latest[self.cost]
        # a cost of nothing needs no weight to speak of; a loss that is no number keeps the first one
        return weight.nan_to_num(nan=self.most, posinf=self.most).clamp(self.least, self.most)


def successes(history: History, measure: str, threshold: float) -> Tensor:
    """At how many evaluations the measure was below the threshold, int64 (R,)."""
    return (history.measures[measure] < threshold).sum(0)


@dataclass(frozen=True)
class Curriculum:
    """One length more at every evaluation whose error on the present length is below the threshold.

    ``measure`` must be the error on the length that this rule gave last. Source: Kaiser & Sutskever 2016
    (arXiv 1511.08228), every 200 steps.
    """

    lengths: tuple[int, ...]
    measure: str
    threshold: float = 0.15

    def of(self, history: History) -> Tensor:
        if not history.steps:
            return torch.tensor(float(self.lengths[0]), dtype=torch.float64)
        reached = successes(history, self.measure, self.threshold).clamp_max(len(self.lengths) - 1)
        return torch.tensor(self.lengths, dtype=torch.float64)[reached]

    def drawn(self, reached: int, generator: torch.Generator) -> int:
        """The length of a batch: mostly of the longer ones up to ``reached``, one in four of any up to the last."""
        known = [length for length in self.lengths if length <= reached]
        uniform = torch.rand(3, generator=generator).tolist()
        length = known[int(uniform[0] * len(known))]
        if uniform[1] < 0.6:
            length = max(length, known[int(torch.randint(len(known), (), generator=generator))])
        if uniform[2] < 0.25:
            length = max(length, self.lengths[int(torch.randint(len(self.lengths), (), generator=generator))])
        return length


@dataclass(frozen=True)
class Pull:
    """The weight that holds relaxed copies of parameters together: it grows at every success.

    Source: the code of Kaiser & Sutskever 2016. Once it has reached ``top`` the copies are made one at every further
    success: see :class:`extrapolate.training.Merging`.
    """

    measure: str
    threshold: float = 0.15
    first: float = 0.0005
    growth: float = 1.2
    top: float = 0.1

    def of(self, history: History) -> Tensor:
        if not history.steps:
            return torch.tensor(self.first, dtype=torch.float64)
        grown = self.first * self.growth ** successes(history, self.measure, self.threshold).double()
        return torch.where(grown < self.top * self.growth, grown, self.top * self.growth)
