"""Executors: run jobs and yield each result when its job finishes.

Workers send progress to the caller; the caller sends stop requests to the workers.
"""

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

#: Seconds to wait for a message from the workers.
POLL_SECONDS = 0.2

#: Work that can be sent to another process. It reports its steps to the progress object, and stops on request.
Job = Callable[[Progress], Any]


class Monitor(Protocol):
    """Receives the progress of several jobs."""

    def started(self, index: int) -> Progress:
        """Return the progress object of job ``index``, which has started."""
        ...

    def stop_requested(self) -> bool: ...


class Executor(Protocol):
    """Runs jobs, in this process or in others."""

    def submit(self, jobs: Sequence[Job], monitor: Monitor) -> Iterator[tuple[int, Any]]:
        """Run the jobs; yield the index and the result of each job when it finishes.

        Results do not depend on where a job runs.

        Raises:
            Interrupted: the monitor requested a stop, and every job has stopped.
            UserError: a job cannot continue, or a worker was killed; the other jobs have stopped.
        """
        ...


@dataclass(frozen=True)
class LocalExecutor:
    """Runs jobs on this machine, in ``workers`` processes; in this process if there is one worker or one job."""

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
class _Finished:
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
    # Spawn, not fork: a fork of a process that has used torch's threads may hang.
    context = multiprocessing.get_context("spawn")
    messages, stop = context.Queue(), context.Event()
    progress: dict[int, Progress] = {}
    finished: set[int] = set()
    with ProcessPoolExecutor(workers, context, initializer=_start_worker, initargs=(messages, stop)) as pool:
        others = set(multiprocessing.active_children())
        with _sigint_blocked():
            running: dict[Future[Any], int] = {
                pool.submit(_work, index, job): index for index, job in enumerate(jobs)
            }
        started = [each for each in multiprocessing.active_children() if each not in others]
        try:
            while running:
                finished |= _forward_messages(messages, progress, monitor)
                if monitor.stop_requested():
                    count = len(jobs) - len(running)
                    raise Interrupted(f"stopped with {count} of {len(jobs)} trainings finished")
                for future in [each for each in running if each.done()]:
                    # a result may arrive before the last messages of its job, which are in another pipe
                    if running[future] in finished or future.exception() is not None:
                        yield running.pop(future), future.result()
        except BrokenProcessPool:
            pool.shutdown()  # waits for the workers, so that their exit codes are known
            raise UserError(explain_ended_workers([each.exitcode for each in started])) from None
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)


def _forward_messages(messages: Any, progress: dict[int, Progress], monitor: Monitor) -> set[int]:
    """Forward all messages of the workers; wait up to ``POLL_SECONDS`` for the first. Return the finished jobs."""
    wait, finished = POLL_SECONDS, set()
    while True:
        try:
            message = messages.get(timeout=wait)
        except queue.Empty:
            return finished
        wait = 0.0
        match message:
            case _Started(index):
                progress[index] = monitor.started(index)
            case _Progress(index, step, status):
                progress[index].update(step, status)
            case _Warned(text, category):
                warnings.warn(text, category, stacklevel=2)
            case _Finished(index):
                finished.add(index)


class _Link:
    """A worker's message queue and stop event, shared with its parent; set when the worker starts."""

    messages: Any
    stop: Any


def _start_worker(messages: Any, stop: Any) -> None:
    """Set up a worker: it ignores Ctrl-C, which its parent handles, and sends its warnings to the parent."""
    _Link.messages, _Link.stop = messages, stop
    keep_freed_memory()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # one compiler process per worker is enough: the workers fill the cores
    os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")

    def send_warning(message: Warning | str, category: type[Warning], *_: Any) -> None:
        messages.put(_Warned(str(message), category))

    warnings.showwarning = send_warning


@contextmanager
def _sigint_blocked() -> Iterator[None]:
    """Block SIGINT. Workers started inside inherit this mask: Ctrl-C cannot end one before it ignores SIGINT."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _end_with_parent() -> None:
    """Exit if the parent was killed: this worker would wait for its next job for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _work(index: int, job: Job) -> Any:
    _Link.messages.put(_Started(index))
    result = job(_Sender(index))
    _Link.messages.put(_Finished(index))
    return result


@dataclass(frozen=True)
class _Sender:
    """Reports to the parent; requests a stop if the parent does or has ended."""

    index: int

    def update(self, step: int, status: str = "") -> None:
        _Link.messages.put(_Progress(self.index, step, status))

    def stop_requested(self) -> bool:
        parent = multiprocessing.parent_process()
        return _Link.stop.is_set() or parent is None or not parent.is_alive()
