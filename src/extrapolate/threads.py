"""Work shared among threads: those that torch itself computes with, where its OpenMP library can be asked for them.

Threads of our own would have to compete with torch's, which for a while after their work wait in a busy loop.
"""

import ctypes
import functools
import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch

#: Does what is left of some jobs; called by every thread of a team.
_Body = ctypes.CFUNCTYPE(None, ctypes.c_void_p)

#: A team of OpenMP does not survive a fork: a child made by it takes threads of its own.
_HOME = os.getpid()


def cut(count: int, worth: int) -> list[tuple[int, int]]:
    """``count`` elements as ranges (start, stop), one for each thread that torch may use.

    Args:
        worth: elements below which another thread costs more than it brings.
    """
    threads = max(1, min(torch.get_num_threads(), count // worth))
    return [(count * i // threads, count * (i + 1) // threads) for i in range(threads)]


def at_once(jobs: Sequence[Callable[[], Any]]) -> None:
    """Carries out all jobs, on as many threads as torch may use; they should let go of Python's lock.

    Raises:
        What a job raises, once none is running any more; jobs that have not begun by then are left out.
    """
    threads = min(len(jobs), torch.get_num_threads())
    if threads <= 1:
        for job in jobs:
            job()
        return
    left, raised = deque(jobs), []

    def work(_: int | None = None) -> None:
        while left and not raised:
            try:
                job = left.popleft()
            except IndexError:  # it was another thread's
                return
            try:
                job()
            except BaseException as error:  # raised by the caller: it cannot pass through OpenMP
                raised.append(error)

    team = _team()
    if team is not None and os.getpid() == _HOME:
        team(_Body(work), None, threads, 0)
    else:
        others = [_pool(os.getpid()).submit(work) for _ in range(threads - 1)]
        work()
        for each in others:
            each.result()
    if raised:
        raise raised[0]


@functools.cache
def _team() -> Callable[..., None] | None:
    """``GOMP_parallel(function, data, threads, flags)`` of the OpenMP library in this process; libomp has it too."""
    try:
        team = ctypes.CDLL(None).GOMP_parallel
    except (AttributeError, OSError, TypeError):
        return None
    team.argtypes, team.restype = [_Body, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint], None
    return team


@functools.lru_cache(maxsize=1)
def _pool(process: int) -> ThreadPoolExecutor:
    """The threads of this process: a child made by fork has none of its parent's."""
    return ThreadPoolExecutor(thread_name_prefix="extrapolate")
