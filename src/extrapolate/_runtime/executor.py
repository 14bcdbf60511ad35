"""Executors: jobs in, results as they are finished; progress and requests to stop go both ways."""

import multiprocessing
import os
import queue
import signal
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import Any, Protocol

from extrapolate._runtime.errors import UserError
from extrapolate._runtime.machine import keep_freed_memory
from extrapolate._runtime.main_guard import explain_ended_workers
from extrapolate._runtime.progress import Interrupted, Progress

#: Seconds between two looks at what the workers say.
POLL_SECONDS = 0.2

#: Work that can be sent to another process; it reports its steps to the watch, and stops when that asks.
Job = Callable[[Progress], Any]


class Monitor(Protocol):
    """Follows a number of jobs."""

    def started(self, index: int) -> Progress:
        """Job ``index`` has started; returns what its steps are reported to."""
        ...

    def stop_requested(self) -> bool: ...


class Executor(Protocol):
    """Executes jobs somewhere."""

    def submit(self, jobs: Sequence[Job], monitor: Monitor) -> Iterator[tuple[int, Any]]:
        """Execute the jobs; yield the place and the result of each as it is finished. Results do not depend on where.

        Raises:
            Interrupted: the monitor asked to stop, and every job has stopped.
            UserError: a job cannot go on, or a worker was ended from outside; the others have stopped.
        """
        ...


@dataclass(frozen=True)
class LocalExecutor:
    """Processes of this machine, ``workers`` at once; with one worker, or one job, this process."""

    workers: int = 1

    def submit(self, jobs: Sequence[Job], monitor: Monitor) -> Iterator[tuple[int, Any]]:
        workers = min(self.workers, len(jobs))
        return _in_processes(jobs, monitor, workers) if workers > 1 else _in_turn(jobs, monitor)


def _in_turn(jobs: Sequence[Job], monitor: Monitor) -> Iterator[tuple[int, Any]]:
    for index, job in enumerate(jobs):
        yield index, job(monitor.started(index))


@dataclass(frozen=True)
class _Started:
    index: int


@dataclass(frozen=True)
class _Progress:
    index: int
    step: int
    status: str


@dataclass(frozen=True)
class _Warned:
    text: str
    category: type[Warning]


def _in_processes(jobs: Sequence[Job], monitor: Monitor, workers: int) -> Iterator[tuple[int, Any]]:
    # Spawned, not forked: a fork of a process that has used torch's threads may hang.
    context = multiprocessing.get_context("spawn")
    messages, stop = context.Queue(), context.Event()
    watches: dict[int, Progress] = {}
    with ProcessPoolExecutor(workers, context, initializer=_enter, initargs=(messages, stop)) as pool:
        others = set(multiprocessing.active_children())
        with _without_ctrl_c():
            running: dict[Future[Any], int] = {
                pool.submit(_work, index, job): index for index, job in enumerate(jobs)
            }
        started = [each for each in multiprocessing.active_children() if each not in others]
        try:
            while running:
                _hear(messages, watches, monitor)
                if monitor.stop_requested():
                    finished = len(jobs) - len(running)
                    raise Interrupted(f"stopped with {finished} of {len(jobs)} trainings finished")
                for future in [each for each in running if each.done()]:
                    index = running.pop(future)
                    yield index, future.result()
        except BrokenProcessPool:
            pool.shutdown()  # waits for the workers, so that their exit codes are known
            raise UserError(explain_ended_workers([each.exitcode for each in started])) from None
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)


def _hear(messages: Any, watches: dict[int, Progress], monitor: Monitor) -> None:
    """Pass on what the workers have said, waiting a moment for the first of it."""
    wait = POLL_SECONDS
    while True:
        try:
            message = messages.get(timeout=wait)
        except queue.Empty:
            return
        wait = 0.0
        match message:
            case _Started(index):
                watches[index] = monitor.started(index)
            case _Progress(index, step, status):
                watches[index].update(step, status)
            case _Warned(text, category):
                warnings.warn(text, category, stacklevel=2)


class _Link:
    """A worker's two lines to the process that started it; set when the worker begins."""

    messages: Any
    stop: Any


def _enter(messages: Any, stop: Any) -> None:
    """Begin a worker: Ctrl-C reaches it too, but its parent decides; warnings go to the parent."""
    _Link.messages, _Link.stop = messages, stop
    keep_freed_memory()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # one compiler process per worker is enough: the workers fill the cores
    os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")

    def tell(message: Warning | str, category: type[Warning], *_: Any) -> None:
        messages.put(_Warned(str(message), category))

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
    """End a worker whose parent was killed: it would wait for its next job for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _work(index: int, job: Job) -> Any:
    _Link.messages.put(_Started(index))
    return job(_Sender(index))


@dataclass(frozen=True)
class _Sender:
    """Reports to the parent, and stops when it asks or is no more."""

    index: int

    def update(self, step: int, status: str = "") -> None:
        _Link.messages.put(_Progress(self.index, step, status))

    def stop_requested(self) -> bool:
        parent = multiprocessing.parent_process()
        return _Link.stop.is_set() or parent is None or not parent.is_alive()
