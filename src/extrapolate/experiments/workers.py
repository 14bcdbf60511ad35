"""Parts carried out on this machine: one after the other in this process, or several at once in others."""

import multiprocessing
import os
import queue
import signal
import threading
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import Any, Protocol

from extrapolate.errors import UserError
from extrapolate.experiments.carry_out import carry_out
from extrapolate.experiments.experiment import Part
from extrapolate.experiments.folder import RunFolder
from extrapolate.experiments.main_guard import explain_ended_workers
from extrapolate.experiments.memory import keep_freed_memory
from extrapolate.training.watch import Interrupted, Watch

#: Seconds between two looks at what the workers say.
LOOK_SECONDS = 0.2


class Display(Protocol):
    """Shows a person how the run goes."""

    def part(self, name: str, index: int, parts: int, replicas: int, steps: int) -> Watch:
        """Part ``index`` of ``parts`` begins; returns what its training reports to."""
        ...

    def skipped(self, name: str) -> None:
        """A part that an earlier run finished."""
        ...

    def stop_requested(self) -> bool: ...


@dataclass(frozen=True)
class Job:
    """A part to carry out: its place among all parts, and the folder."""

    part: Part
    index: int
    parts: int
    place: RunFolder


def carry_out_all(jobs: Sequence[Job], display: Display, workers: int) -> Iterator[Job]:
    """Carries the jobs out, ``workers`` at once; gives each as it is finished. The numbers are the same.

    Raises:
        Interrupted: the display asked to stop; every training has saved its state.
        UserError: a part cannot go on; the others have saved their states.
    """
    workers = min(workers, len(jobs))
    return _at_once(jobs, display, workers) if workers > 1 else _in_turn(jobs, display)


def _in_turn(jobs: Sequence[Job], display: Display) -> Iterator[Job]:
    for job in jobs:

        def begin(replicas: int, steps: int, job: Job = job) -> Watch:
            return display.part(job.part.name, job.index, job.parts, replicas, steps)

        carry_out(job.part, job.place, begin)
        yield job


@dataclass(frozen=True)
class _Begun:
    job: Job
    replicas: int
    steps: int


@dataclass(frozen=True)
class _Progress:
    index: int
    step: int
    solved: int | None


@dataclass(frozen=True)
class _Note:
    text: str
    category: type[Warning]


def _at_once(jobs: Sequence[Job], display: Display, workers: int) -> Iterator[Job]:
    # Spawned, not forked: a fork of a process that has used torch's threads may hang.
    context = multiprocessing.get_context("spawn")
    messages, stop = context.Queue(), context.Event()
    watches: dict[int, Watch] = {}
    with ProcessPoolExecutor(workers, context, initializer=_enter, initargs=(messages, stop)) as pool:
        others = set(multiprocessing.active_children())
        with _without_ctrl_c():
            running: dict[Future[None], Job] = {pool.submit(_work, job): job for job in jobs}
        started = [each for each in multiprocessing.active_children() if each not in others]
        try:
            while running:
                _hear(messages, watches, display)
                if display.stop_requested():
                    raise Interrupted(
                        f"stopped with {len(jobs) - len(running)} of {len(jobs)} parts finished"
                    )
                for future in [each for each in running if each.done()]:
                    job = running.pop(future)
                    future.result()
                    yield job
        except BrokenProcessPool:
            pool.shutdown()  # waits for the workers, so that their exit codes are known
            raise UserError(explain_ended_workers([each.exitcode for each in started])) from None
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)


def _hear(messages: Any, watches: dict[int, Watch], display: Display) -> None:
    """Passes on what the workers have said, waiting a moment for the first of it."""
    wait = LOOK_SECONDS
    while True:
        try:
            message = messages.get(timeout=wait)
        except queue.Empty:
            return
        wait = 0.0
        match message:
            case _Begun(job, replicas, steps):
                watches[job.index] = display.part(job.part.name, job.index, job.parts, replicas, steps)
            case _Progress(index, step, solved):
                watches[index].progress(step, solved)
            case _Note(text, category):
                warnings.warn(text, category, stacklevel=2)


class _Link:
    """A worker's two lines to the process that started it; set when the worker begins."""

    messages: Any
    stop: Any


def _enter(messages: Any, stop: Any) -> None:
    """Begins a worker: Ctrl-C reaches it too, but its parent decides; warnings go to the parent's display."""
    _Link.messages, _Link.stop = messages, stop
    keep_freed_memory()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # a compiler process a worker is enough: the workers fill the cores
    os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")

    def tell(message: Warning | str, category: type[Warning], *_: Any) -> None:
        messages.put(_Note(str(message), category))

    warnings.showwarning = tell


@contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """A worker that is started inside hears no Ctrl-C until it can ignore it: it inherits the mask."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _end_with_parent() -> None:
    """Ends a worker whose parent was killed: it would wait for its next part for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _work(job: Job) -> None:
    def begin(replicas: int, steps: int) -> Watch:
        _Link.messages.put(_Begun(job, replicas, steps))
        return _Sender(job.index)

    carry_out(job.part, job.place, begin)


@dataclass(frozen=True)
class _Sender:
    """Reports to the parent, and stops when it asks or is no more."""

    index: int

    def progress(self, step: int, solved: int | None) -> None:
        _Link.messages.put(_Progress(self.index, step, solved))

    def stop_requested(self) -> bool:
        parent = multiprocessing.parent_process()
        return _Link.stop.is_set() or parent is None or not parent.is_alive()
