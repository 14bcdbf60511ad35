"""Executors: every job's result comes back, whatever executed it; steps are told, and all stop when asked to."""

import warnings
from dataclasses import dataclass, field

import pytest

from extrapolate._runtime.errors import UserError
from extrapolate._runtime.executor import LocalExecutor
from extrapolate._runtime.progress import Interrupted, Progress


@dataclass
class Following:
    """Remembers what it is told; asks to stop once ``stop_after`` steps were reported."""

    stop_after: float = float("inf")
    steps: dict[int, int] = field(default_factory=dict)

    def started(self, index: int) -> Progress:
        return _Of(self, index)

    def stop_requested(self) -> bool:
        return sum(self.steps.values()) >= self.stop_after


@dataclass
class _Of:
    following: Following
    index: int

    def update(self, step: int, status: str = "") -> None:
        self.following.steps[self.index] = step

    def stop_requested(self) -> bool:
        return self.following.stop_requested()


@dataclass(frozen=True)
class Square:
    """Takes three steps, unless it is asked to stop."""

    value: int

    def __call__(self, watch: Progress) -> int:
        if self.value < 0:
            raise UserError(f"{self.value} is negative: give a number of at least 0")
        if self.value == 2:
            warnings.warn("two is even", UserWarning, stacklevel=1)
        for step in range(1, 4):
            watch.update(step)
            if watch.stop_requested():
                raise Interrupted(f"stopped at step {step}")
        return self.value**2


WORKERS = pytest.mark.parametrize("workers", [1, 2])


@WORKERS
def test_results_steps_and_warnings_of_every_job_come_back(workers: int) -> None:
    following = Following()
    with pytest.warns(UserWarning, match="two is even"):
        found = dict(LocalExecutor(workers).submit([Square(value) for value in range(5)], following))
    assert found == {index: index**2 for index in range(5)}
    if workers == 1:
        assert following.steps == dict.fromkeys(range(5), 3)


@WORKERS
def test_jobs_stop_when_asked_to(workers: int) -> None:
    with pytest.raises(Interrupted):
        list(LocalExecutor(workers).submit([Square(value) for value in range(3)], Following(stop_after=0)))


@WORKERS
def test_an_error_of_a_job_is_raised_here(workers: int) -> None:
    found = LocalExecutor(workers).submit([Square(1), Square(-1), Square(3)], Following())
    with pytest.raises(UserError, match="-1 is negative"):
        dict(found)


def test_without_jobs_nothing_is_started() -> None:
    assert list(LocalExecutor(8).submit([], Following())) == []
