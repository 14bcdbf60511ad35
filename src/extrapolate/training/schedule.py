"""Numbers that change over the steps: the weight of a penalty, a factor on the learning rate."""

from dataclasses import dataclass
from typing import Protocol


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
class Drop:
    """1 before ``at_step``, then ``factor``."""

    at_step: int
    factor: float = 0.1

    def at(self, step: int) -> float:
        return self.factor if step >= self.at_step else 1.0


@dataclass(frozen=True)
class Fall:
    """1 at the first of ``steps``, falling linearly to 0 after the last: a factor on a learning rate."""

    steps: int

    def at(self, step: int) -> float:
        return 1.0 - step / self.steps
