"""Work shared among threads: it is cut into chunks, and threads claim them one by one.

Another program that occupies a core delays a thread on it by several milliseconds at a time. So short work stays
on the caller's thread. Longer work is cut into many chunks, and the caller waits only for threads that have claimed
one. An OpenMP team would make it wait for all threads, even for those that have not started.
"""

import functools
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import torch

#: Work is shared from this many nanoseconds on one thread: about as long as a thread may wait for its core.
WORTH_SHARING = 5_000_000

#: Minimum nanoseconds per chunk: long compared with the 10 microseconds that claiming it costs.
CHUNK = 500_000

#: Maximum number of chunks: enough that the last one is short compared with the whole.
CHUNKS = 32


def cut(count: int, nanoseconds: float) -> list[tuple[int, int]]:
    """Cut ``count`` elements into ranges (start, stop); one range if the work is below :data:`WORTH_SHARING`.

    The ranges, and so the results, do not depend on the number of threads.

    Args:
        nanoseconds: time per element on one thread.
    """
    whole = count * nanoseconds
    chunks = min(count, CHUNKS, int(whole / CHUNK)) if whole >= WORTH_SHARING else 1
    return [(count * i // chunks, count * (i + 1) // chunks) for i in range(chunks)]


def share(work: Callable[[int, int], Any], count: int, nanoseconds: float) -> None:
    """Call ``work(start, stop)`` for the ranges of :func:`cut`, on as many threads as torch may use."""
    at_once([partial(work, *edges) for edges in cut(count, nanoseconds)])


def at_once(jobs: Sequence[Callable[[], Any]]) -> None:
    """Run all jobs, on as many threads as torch may use; the jobs should release Python's lock (GIL).

    A thread takes the next job when it has finished one. Inside a job torch uses one thread. Call this where torch
    records no gradient and does not autocast: it does neither on the other threads.

    Raises:
        The first exception of a job, when no job is running any more; jobs that have not started are skipped.
    """
    left, raised = deque(jobs), []
    inference = torch.is_inference_mode_enabled()

    def work() -> None:
        while left and not raised:
            try:
                job = left.popleft()
            except IndexError:  # another thread took it
                return
            try:
                job()
            except BaseException as error:  # the caller raises it; this may be another thread
                raised.append(error)

    def work_elsewhere() -> None:
        # inference_mode(False) turns gradients on, so no_grad comes after it
        with thread_limit(1), torch.inference_mode(inference), torch.no_grad():
            work()

    others, wanted = [], min(len(jobs), torch.get_num_threads()) - 1
    # until the other threads are done: a thread that is new to torch uses the number that was set last
    with thread_limit(1):
        try:
            with suppress(RuntimeError):  # the interpreter is shutting down and starts no more threads
                for _ in range(wanted):
                    others.append(_pool(os.getpid()).submit(work_elsewhere))
            work()
        finally:
            for each in others:
                if not each.cancel():  # it has started
                    each.result()
    if raised:
        raise raised[0]


@contextmanager
def thread_limit(threads: int | None) -> Iterator[None]:
    """Limit torch to this many threads inside the context; None changes nothing. Switching takes under 1 µs."""
    before = torch.get_num_threads()
    try:
        if threads is not None:
            torch.set_num_threads(threads)
        yield
    finally:
        torch.set_num_threads(before)


@functools.lru_cache(maxsize=1)
def _pool(process: int) -> ThreadPoolExecutor:
    """Return the thread pool of this process: a forked child does not have its parent's threads."""
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="extrapolate")
