"""The cost of a run, estimated: times some of its trainings briefly, and infers the others from the nearest one."""

import heapq
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from extrapolate._runtime.machine import peak_mib
from extrapolate._runtime.progress import Interrupted
from extrapolate._runtime.threads import thread_limit
from extrapolate.experiments.config import REQUIRED
from extrapolate.experiments.experiment import Experiment
from extrapolate.experiments.training import Context, Job, Measurement, Trained
from extrapolate.training import History
from extrapolate.training.loop import run_training

#: Seconds that one training is timed for, and seconds after which no further training is timed.
SAMPLE_SECONDS, BUDGET_SECONDS = 1.5, 60.0


@dataclass(frozen=True)
class Cost:
    """The estimated cost of a run. ``hours``: processor hours per training; ``timed``: number of timed trainings."""

    hours: Sequence[float]
    models: int
    timed: int
    peak_mib: float
    weights_mib: float

    def wall_hours(self, workers: int) -> float:
        """Return the hours that ``workers`` processes take, each on its own core."""
        busy_until = [0.0] * min(workers, max(len(self.hours), 1))
        for hours in self.hours:  # the first process that is free takes the next training
            heapq.heapreplace(busy_until, busy_until[0] + hours)
        return max(busy_until)


def estimate_cost(experiment: Experiment[Any], config: Any, tell: Callable[[str], None] = lambda text: None) -> Cost:
    """Estimate the cost of a run by timing a few of its trainings briefly; writes no files.

    Evaluations and compilation count. Measurements after a training count if they report steps of their own.
    ``tell`` receives one line per timed training.
    """
    jobs = list(experiment.jobs(_with_data(experiment, config, tell)).values())
    began, found = time.monotonic(), {}
    for index in _spread(len(jobs)):
        if found and time.monotonic() - began > BUDGET_SECONDS:
            break
        tell(f"timing {jobs[index].name}")
        with thread_limit(1), tempfile.TemporaryDirectory() as folder:
            found[index] = _time(jobs[index], Path(folder))
    nearest = [min(found, key=lambda timed, index=index: abs(timed - index)) for index in range(len(jobs))]
    samples = [(found[at], jobs[at], job) for at, job in zip(nearest, jobs, strict=True)]
    work = [max(job.models * job.steps, 1) for job in jobs]
    return Cost(
        [found[at].hours * own / work[at] for at, own in zip(nearest, work, strict=True)],
        sum(job.models for job in jobs),
        len(found),
        peak_mib(),
        sum(timed.weights_mib * job.models / like.models for timed, like, job in samples),
    )


def _with_data(experiment: Experiment[Any], config: Any, tell: Callable[[str], None]) -> Any:
    """Return ``config`` with the laptop preset's data instead of data folders that the user has not set."""
    names = [each.name for each in fields(config) if getattr(config, each.name) == REQUIRED]
    own = {name: getattr(experiment.presets["laptop"], name) for name in names}
    for name, value in own.items():
        tell(f"--{name} is not set: timed on {value}, which may take less time and memory than the paper's data")
    return replace(config, **own)


def _spread(count: int) -> list[int]:
    """Return all indices, in an order that covers the range early: first, last, middle, quarters."""
    order, step = [0, count - 1], max(count // 2, 1)
    while step:
        order += range(0, count, step)
        step //= 2
    return list(dict.fromkeys(order))


@dataclass(frozen=True)
class _Timed:
    hours: float
    weights_mib: float


def _time(job: Job, folder: Path) -> _Timed:
    stopwatch = _Stopwatch()
    context = Context(folder / "sample", stopwatch)
    if isinstance(job, Measurement):
        return _Timed(stopwatch.seconds(job.steps, lambda: job.measure(context)) / 3600, 0.0)
    replicas = job.replicas()
    weights = sum(value.numel() * value.element_size() for value in replicas.state.values()) / 2**20
    seconds, history = 0.0, History.of(replicas, "loss")
    if job.train is not None:
        train = job.train
        seconds += stopwatch.seconds(train.steps, lambda: run_training(replicas, train, progress=stopwatch))
        fresh = job.replicas()
        train.evaluate(fresh, fresh.keys())  # compilers and caches
        began = time.process_time()
        train.evaluate(fresh, fresh.keys())
        seconds += (time.process_time() - began) * (train.steps // train.eval_every)
    if job.measure_steps:
        if job.train is not None:
            short = replace(job.train, steps=1, eval_every=1, compile=False)  # `measure` needs a history
            history = run_training(replicas, short, progress=_Stopwatch())
        follow = _Stopwatch()
        trained = Trained(replicas, history, Context(folder / "sample", follow))
        seconds += follow.seconds(job.measure_steps, lambda: job.measure(trained))
    return _Timed(seconds / 3600, weights)


@dataclass
class _Stopwatch:
    """A ``Progress`` that stops a job ``SAMPLE_SECONDS`` after its first step, and records the reported steps."""

    seen: list[tuple[float, int]] = field(default_factory=list)

    def update(self, step: int, status: str = "") -> None:
        self.seen.append((time.process_time(), step))

    def stop_requested(self) -> bool:
        return bool(self.seen) and time.process_time() - self.seen[0][0] > SAMPLE_SECONDS

    def seconds(self, steps: int, work: Callable[[], object]) -> float:
        """Estimate the processor seconds of ``steps`` steps of ``work``, and of the work before the first step."""
        began = time.process_time()
        with suppress(Interrupted):
            work()
        ended = time.process_time()
        if not self.seen:
            return ended - began
        (first, at), (last, reached) = self.seen[0], self.seen[-1]
        if reached <= at:  # a single step took longer than the sample
            return (ended - began) * steps / max(reached, 1)
        return first - began + (last - first) / (reached - at) * (steps - at)
