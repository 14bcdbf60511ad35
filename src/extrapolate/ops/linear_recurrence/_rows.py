"""Tensors as the CPU kernels see them, and the threads that share them."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import torch
from torch import Tensor

#: Elements below which a second thread costs more than it saves.
ENOUGH_FOR_A_THREAD = 2**17


class Rows:
    """A tensor (N, T, D) as the kernels see it: one flat array a sequence, with the step of time in elements."""

    def __init__(self, x: Tensor) -> None:
        if x.stride(-1) != 1 and x.shape[-1] > 1:
            x = x.contiguous()
        count, length, width = x.shape
        self.step, self.between = x.stride(1), x.stride(0)
        self.extent = (length - 1) * self.step + width
        total = (count - 1) * self.between + self.extent
        self.flat = x.detach().as_strided((total,), (1,)).numpy()

    def __getitem__(self, row: int) -> np.ndarray:
        start = row * self.between
        return self.flat[start : start + self.extent]


def reset_rows(reset: Tensor | None, count: int) -> np.ndarray:
    return np.empty((count, 0), np.bool_) if reset is None else reset.contiguous().numpy()


@cache
def _pool(process: int, threads: int) -> ThreadPoolExecutor:
    """The threads of this process: a child made by fork has none of its parent's."""
    return ThreadPoolExecutor(threads, "linear-recurrence")


def threads_for(elements: int) -> int:
    return max(1, min(torch.get_num_threads(), elements // ENOUGH_FOR_A_THREAD))


def at_once(jobs: Iterable[Callable[[], None]], threads: int) -> None:
    """Carries all jobs out, on ``threads`` threads."""
    for job in [_pool(os.getpid(), threads).submit(job) for job in jobs]:
        job.result()
