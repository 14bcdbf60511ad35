"""Work shared among threads: how many chunks it is cut into, and threads of our own that claim them one by one.

A program that holds a core delays a thread there by several milliseconds at a time. So short work stays on the
caller's thread; longer work is cut into many chunks, and the caller waits only for threads that have claimed one. A
team of OpenMP would make it wait for all threads, whether they have ever begun or not.
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

#: Nanoseconds of one thread from which on work is shared: about as long as a thread may have to wait for its core.
WORTH_SHARING = 5_000_000

#: Nanoseconds of a chunk at the least: long beside the 10 microseconds that claiming it costs.
CHUNK = 500_000

#: Chunks at the most: the last one is short beside the whole then.
CHUNKS = 32


def cut(count: int, nanoseconds: float) -> list[tuple[int, int]]:
    """Cuts ``count`` elements into ranges (start, stop): into one if they are less work than :data:`WORTH_SHARING`.

    The ranges do not depend on the number of threads, so results cannot.

    Args:
        nanoseconds: what an element costs one thread.
    """
    whole = count * nanoseconds
    chunks = min(count, CHUNKS, int(whole / CHUNK)) if whole >= WORTH_SHARING else 1
    return [(count * i // chunks, count * (i + 1) // chunks) for i in range(chunks)]


def share(work: Callable[[int, int], Any], count: int, nanoseconds: float) -> None:
    """Calls ``work(start, stop)`` for the ranges of ``cut``, on as many threads as torch may use."""
    at_once([partial(work, *edges) for edges in cut(count, nanoseconds)])


def at_once(jobs: Sequence[Callable[[], Any]]) -> None:
    """Carries out all jobs, on as many threads as torch may use; they should let go of Python's lock.

    A thread takes the next job when it is done with one. Inside a job torch uses one thread. To be called where torch
    records no gradient and does not autocast, as it does on the other threads.

    Raises:
        What a job raises, once none is running any more; jobs that have not begun by then are left out.
    """
    left, raised = deque(jobs), []
    inference = torch.is_inference_mode_enabled()

    def work() -> None:
        while left and not raised:
            try:
                job = left.popleft()
            except IndexError:  # it was another thread's
                return
            try:
                job()
            except BaseException as error:  # raised by the caller, whose thread it may not be
                raised.append(error)

    def help_out() -> None:
        # inference_mode(False) turns gradients on, so no_grad comes after it
        with thread_limit(1), torch.inference_mode(inference), torch.no_grad():
            work()

    others, wanted = [], min(len(jobs), torch.get_num_threads()) - 1
    # until the others are done: a thread that is new to torch takes over the number that was set last
    with thread_limit(1):
        try:
            with suppress(RuntimeError):  # the interpreter ends, and no thread begins any more
                for _ in range(wanted):
                    others.append(_pool(os.getpid()).submit(help_out))
            work()
        finally:
            for each in others:
                if not each.cancel():  # it has begun
                    each.result()
    if raised:
        raise raised[0]


@contextmanager
def thread_limit(threads: int | None) -> Iterator[None]:
    """While inside, torch computes with this many threads; None changes nothing. Switching takes under 1 µs."""
    before = torch.get_num_threads()
    try:
        if threads is not None:
            torch.set_num_threads(threads)
        yield
    finally:
        torch.set_num_threads(before)


@functools.lru_cache(maxsize=1)
def _pool(process: int) -> ThreadPoolExecutor:
    """The threads of this process: a child made by fork has none of its parent's."""
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="extrapolate")
