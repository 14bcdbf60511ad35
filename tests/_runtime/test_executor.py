"""Executors return every job's result, report its steps, and stop all jobs on request."""

import warnings
from dataclasses import dataclass, field

import pytest

from extrapolate._runtime.errors import UserError
from extrapolate._runtime.executor import LocalExecutor
from extrapolate._runtime.progress import Interrupted, Progress


@dataclass
class RecordingMonitor:
    """Records the reported steps; requests a stop after ``stop_after`` steps."""

    stop_after: float = float("inf")
    steps: dict[int, int] = field(default_factory=dict)

    def started(self, index: int) -> Progress:
        return _JobProgress(self, index)

    def stop_requested(self) -> bool:
        return sum(self.steps.values()) >= self.stop_after


@dataclass
class _JobProgress:
    monitor: RecordingMonitor
    index: int

    def update(self, step: int, status: str = "") -> None:
        self.monitor.steps[self.index] = step

    def stop_requested(self) -> bool:
        return self.monitor.stop_requested()


@dataclass(frozen=True)
class Square:
    """Runs three steps, unless a stop is requested."""

    value: int

    def __call__(self, progress: Progress) -> int:
        if self.value < 0:
            raise UserError(f"{self.value} is negative: give a number of at least 0")
        if self.value == 2:
            warnings.warn("two is even", UserWarning, stacklevel=1)
        for step in range(1, 4):
            progress.update(step)
            if progress.stop_requested():
                raise Interrupted(f"stopped at step {step}")
        return self.value**2


WORKERS = pytest.mark.parametrize("workers", [1, 2])


@WORKERS
def test_results_steps_and_warnings_of_every_job_are_returned(workers: int) -> None:
    monitor = RecordingMonitor()
    with pytest.warns(UserWarning, match="two is even"):
        found = dict(LocalExecutor(workers).submit([Square(value) for value in range(5)], monitor))
    assert found == {index: index**2 for index in range(5)}
    assert monitor.steps == dict.fromkeys(range(5), 3)


@WORKERS
def test_jobs_stop_on_request(workers: int) -> None:
    with pytest.raises(Interrupted):
        list(LocalExecutor(workers).submit([Square(value) for value in range(3)], RecordingMonitor(stop_after=0)))


@WORKERS
def test_an_error_in_a_job_is_raised_in_the_caller(workers: int) -> None:
    found = LocalExecutor(workers).submit([Square(1), Square(-1), Square(3)], RecordingMonitor())
    with pytest.raises(UserError, match="-1 is negative"):
        dict(found)


def test_without_jobs_nothing_is_started() -> None:
    assert list(LocalExecutor(8).submit([], RecordingMonitor())) == []
