"""Numbers that change over the steps, ``schedule(step)``: the weight of a penalty, a factor on the learning rate."""

from dataclasses import dataclass
from typing import Protocol


class Schedule(Protocol):
    """A number for each step."""

    def __call__(self, step: int) -> float: ...


@dataclass(frozen=True)
class Warmup:
    """``scale`` times a number that rises linearly from 0 at step ``start`` to 1 at step ``end``, and stays 1.

    The published schedule of the sparsity penalty of NAU and NMU: λ · max(min((step - start) / (end - start), 1), 0)
    (Madsen & Johansen 2020, arXiv 2001.05016, section 2.4).

    Raises:
        ValueError: ``end`` does not come after ``start``.
    """

    end: int
    start: int = 0
    scale: float = 1.0

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise ValueError(f"warmup: end={self.end} must come after start={self.start}")

    def __call__(self, step: int) -> float:
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

    def __call__(self, step: int) -> float:
        return min(self.first * 10.0 ** (step // self.every), self.last)


@dataclass(frozen=True)
class Step:
    """0 up to and including step ``after``, then ``scale``."""

    scale: float
    after: int

    def __call__(self, step: int) -> float:
        return self.scale if step > self.after else 0.0


@dataclass(frozen=True)
class StepDecay:
    """1 before step ``at``, then ``factor``."""

    at: int
    factor: float = 0.1

    def __call__(self, step: int) -> float:
        return self.factor if step >= self.at else 1.0


@dataclass(frozen=True)
class LinearDecay:
    """1 up to step ``start``, falling linearly to 0 at step ``steps``."""

    steps: int
    start: int = 0

    def __post_init__(self) -> None:
        if self.steps <= self.start:
            raise ValueError(f"linear decay: steps={self.steps} must come after start={self.start}")

    def __call__(self, step: int) -> float:
        return 1.0 - min(max((step - self.start) / (self.steps - self.start), 0.0), 1.0)


#: Those of this file, which tell themselves apart from a function that makes a torch scheduler.
SCHEDULES = (Warmup, Growth, Step, StepDecay, LinearDecay)
