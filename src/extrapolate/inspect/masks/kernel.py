"""The CPU kernel of :mod:`.sampling`: draw, threshold and multiply in one pass over memory, compiled by numba.

The random numbers are those of :func:`extrapolate.ops.uniform`, made where they are used, on the way there and
again on the way back.
"""

# pyright: reportIndexIssue=false, reportCallIssue=false
# (numba's decorated functions and type objects carry no useful static types)

import functools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from numba import float32, int32, njit, uint32
from torch import Tensor

from extrapolate.ops.random.reference import PARITY

#: Weights below which a second thread costs more than it brings.
WORTH_A_THREAD = 1 << 15


@njit(inline="always")
def _mix(x0, x1, left, right):
    x0 = uint32(x0 + x1)
    return x0, uint32(uint32(x1 << left) | uint32(x1 >> right)) ^ x0


@njit(inline="always")
def _four(x0, x1, even):
    """Four rounds, unrolled: a loop over the rotations would keep the compiler from vectorising."""
    if even:
        x0, x1 = _mix(x0, x1, uint32(13), uint32(19))
        x0, x1 = _mix(x0, x1, uint32(15), uint32(17))
        x0, x1 = _mix(x0, x1, uint32(26), uint32(6))
        return _mix(x0, x1, uint32(6), uint32(26))
    x0, x1 = _mix(x0, x1, uint32(17), uint32(15))
    x0, x1 = _mix(x0, x1, uint32(29), uint32(3))
    x0, x1 = _mix(x0, x1, uint32(16), uint32(16))
    return _mix(x0, x1, uint32(24), uint32(8))


@njit(inline="always")
def _uniform(word):
    u = float32(int32(word >> uint32(8))) * float32(2.0**-24)
    return u if u > float32(2.0**-25) else float32(2.0**-25)


@njit(inline="always")
def _pair(k0, k1, step, i):
    """The two numbers that counter (step, i) gives under (k0, k1)."""
    k2 = k0 ^ k1 ^ uint32(PARITY)
    x0, x1 = _four(uint32(step + k0), uint32(uint32(i) + k1), True)
    x0, x1 = _four(uint32(x0 + k1), uint32(x1 + k2 + uint32(1)), False)
    x0, x1 = _four(uint32(x0 + k2), uint32(x1 + k0 + uint32(2)), True)
    x0, x1 = _four(uint32(x0 + k0), uint32(x1 + k1 + uint32(3)), False)
    x0, x1 = _four(uint32(x0 + k1), uint32(x1 + k2 + uint32(4)), True)
    return _uniform(uint32(x0 + k2)), _uniform(uint32(x1 + k0 + uint32(5)))


@njit(inline="always")
def _slope(u, odds):
    """s (1 - s)."""
    against = odds * (float32(1) - u)
    total = u + against
    return (u / total) * (against / total)


# Arrays begin at 0 here, at weight ``begin`` of the tensor: an index that might be negative is not vectorised.
@njit(nogil=True, cache=True, error_model="numpy")
def _draw_pair(k0, k1, step, begin, odds, weight, first, second):
    for i in range(odds.shape[0]):
        u, v = _pair(k0, k1, step, uint32(begin + uint32(i)))
        w, e = weight[i], odds[i]
        first[i] = w if u > e * (float32(1) - u) else float32(0)
        second[i] = w if v > e * (float32(1) - v) else float32(0)


# error_model: with Python's, each division is a branch, and nothing is vectorised
@njit(nogil=True, cache=True, error_model="numpy")
def _pull_pair(k0, k1, step, begin, odds, weight, first, second, out):
    for i in range(odds.shape[0]):
        u, v = _pair(k0, k1, step, uint32(begin + uint32(i)))
        e = odds[i]
        out[i] += weight[i] * (first[i] * _slope(u, e) + second[i] * _slope(v, e))


@njit(nogil=True, cache=True, error_model="numpy")
def _pull_both_pair(k0, k1, step, begin, odds, weight, first, second, out, sums):
    for i in range(odds.shape[0]):
        u, v = _pair(k0, k1, step, uint32(begin + uint32(i)))
        e = odds[i]
        out[i] += weight[i] * (first[i] * _slope(u, e) + second[i] * _slope(v, e))
        sums[i] += first[i] if u > e * (float32(1) - u) else float32(0)
        sums[i] += second[i] if v > e * (float32(1) - v) else float32(0)


def masked(odds: Tensor, weight: Tensor, key: Tensor, masks: int) -> Tensor:
    """What :func:`.sampling.masked` gives with the numbers of ``key``; contiguous float32 on the CPU."""
    # an odd number of masks draws one more than it needs: a pair shares its random numbers
    out = torch.empty((masks + masks % 2, *weight.shape), dtype=torch.float32)
    rows = out.view(len(out), -1).numpy()
    _over_pairs(_draw_pair, key, _flat(odds), _flat(weight), rows, ())
    return out[:masks]


def logit_gradient(odds: Tensor, weight: Tensor, key: Tensor, gradient: Tensor) -> Tensor:
    """What :func:`.sampling.logit_gradient` gives with the numbers of ``key``; float32 on the CPU."""
    out = torch.zeros_like(odds)
    _over_pairs(_pull_pair, key, _flat(odds), _flat(weight), _even(gradient), (_flat(out),))
    return out


def gradients(odds: Tensor, weight: Tensor, key: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
    """What :func:`.sampling.logit_gradient` and :func:`.sampling.weight_gradient` give; float32 on the CPU."""
    by_logit, by_weight = torch.zeros_like(odds), torch.zeros_like(odds)
    out = _flat(by_logit), _flat(by_weight)
    _over_pairs(_pull_both_pair, key, _flat(odds), _flat(weight), _even(gradient), out)
    return by_logit, by_weight


def _even(gradient: Tensor) -> np.ndarray:
    """A row a mask; one of zeros more where their number is odd."""
    if len(gradient) % 2:
        gradient = torch.cat([gradient, torch.zeros_like(gradient[:1])])
    return gradient.contiguous().view(len(gradient), -1).numpy()


def _flat(value: Tensor) -> np.ndarray:
    return value.detach().view(-1).numpy()


def _over_pairs(
    function: Callable[..., None],
    key: Tensor,
    odds: np.ndarray,
    weight: np.ndarray,
    rows: np.ndarray,
    more: tuple[Any, ...],
) -> None:
    """``function`` over all pairs of masks, the weights shared among as many threads as torch may use."""
    seed, stream, step = (int(word) & 0xFFFFFFFF for word in key)
    words = [
        (np.uint32(seed), np.uint32(stream + j & 0xFFFFFFFF), np.uint32(step)) for j in range(len(rows) // 2)
    ]

    def work(start: int, stop: int) -> None:
        here = slice(start, stop)
        for j, word in enumerate(words):
            ours = [each[here] for each in (odds, weight, rows[2 * j], rows[2 * j + 1], *more)]
            function(*word, np.uint32(start), *ours)

    threads = min(torch.get_num_threads(), max(1, len(weight) // WORTH_A_THREAD))
    edges = [len(weight) * i // threads for i in range(threads + 1)]
    others = [_pool(os.getpid()).submit(work, edges[i], edges[i + 1]) for i in range(1, threads)]
    work(edges[0], edges[1])
    for each in others:
        each.result()


@functools.lru_cache(maxsize=1)
def _pool(process: int) -> ThreadPoolExecutor:
    """The threads of this process: a child made by fork has none of its parent's."""
    return ThreadPoolExecutor(thread_name_prefix="masks")
