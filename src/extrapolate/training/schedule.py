"""Schedules ``schedule(step) -> float``: for the weight of a penalty, or a factor on the learning rate."""

from dataclasses import dataclass
from typing import Protocol


class Schedule(Protocol):
    """A function from the step to a number."""

    def __call__(self, step: int) -> float: ...


@dataclass(frozen=True)
class Warmup:
    """A schedule that rises linearly from 0 at step ``start`` to ``scale`` at step ``end``, and stays there.

    This is the published schedule of the sparsity penalty of NAU and NMU:
    λ · max(min((step - start) / (end - start), 1), 0)
    (Madsen & Johansen 2020, arXiv 2001.05016, section 2.4).

    Raises:
        ValueError: ``end`` is not after ``start``.
    """

    end: int
    start: int = 0
    scale: float = 1.0

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise ValueError(f"warmup: end={self.end} must be after start={self.start}")

    def __call__(self, step: int) -> float:
        return self.scale * min(max((step - self.start) / (self.end - self.start), 0.0), 1.0)


@dataclass(frozen=True)
class Growth:
    """A schedule that starts at ``first`` and is multiplied by 10 every ``every`` steps, up to ``last``.

    Raises:
        ValueError: ``every`` is below 1, or not 0 < ``first`` <= ``last``.
    """

    first: float
    last: float
    every: int = 10_000

    def __post_init__(self) -> None:
        if self.every < 1 or not 0 < self.first <= self.last:
            raise ValueError(f"growth: {self} needs every >= 1 and 0 < first <= last")

    def __call__(self, step: int) -> float:
        return min(self.first * 10.0 ** (step // self.every), self.last)


@dataclass(frozen=True)
class Step:
    """A schedule that is 0 up to and including step ``after``, and ``scale`` from the next step on."""

    scale: float
    after: int

    def __call__(self, step: int) -> float:
        return self.scale if step > self.after else 0.0


@dataclass(frozen=True)
class StepDecay:
    """A schedule that is 1 before step ``at``, and ``factor`` from that step on."""

    at: int
    factor: float = 0.1

    def __call__(self, step: int) -> float:
        return self.factor if step >= self.at else 1.0


@dataclass(frozen=True)
class LinearDecay:
    """A schedule that is 1 up to step ``start``, falls linearly to 0 at step ``steps``, and stays there.

    Raises:
        ValueError: ``steps`` is not after ``start``.
    """

    steps: int
    start: int = 0

    def __post_init__(self) -> None:
        if self.steps <= self.start:
            raise ValueError(f"linear decay: steps={self.steps} must be after start={self.start}")

    def __call__(self, step: int) -> float:
        return 1.0 - min(max((step - self.start) / (self.steps - self.start), 0.0), 1.0)


#: The schedules of this file. :func:`train` expects any other ``lr_schedule`` to make a torch scheduler.
SCHEDULES = (Warmup, Growth, Step, StepDecay, LinearDecay)
