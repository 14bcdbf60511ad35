"""The CPU kernel of :mod:`.sampling`: sample, threshold and multiply in one pass over memory, compiled by numba.

The random numbers are those of :func:`.sampling.uniform`. They are computed where they are used, in the forward pass
and again in the backward pass.
"""

# pyright: reportIndexIssue=false, reportCallIssue=false
# (numba's decorated functions and type objects carry no useful static types)

from collections.abc import Callable

import numpy as np
import torch
from numba import float32, int32, njit, uint32
from torch import Tensor

from extrapolate._runtime.threads import share
from extrapolate.inspect.masks import sampling
from extrapolate.ops.random.reference import PARITY

#: Masks that share the two random words of a counter: each uses half a word.
FOUR = 4

#: Time of one thread per weight and four masks.
NANOSECONDS = 1.3


@njit(inline="always")
def _mix(x0, x1, left, right):
    x0 = uint32(x0 + x1)
    return x0, uint32(uint32(x1 << left) | uint32(x1 >> right)) ^ x0


@njit(inline="always")
def _four(x0, x1, even):
    """Four rounds, unrolled: the compiler cannot vectorise a loop over the rotations."""
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
def _words(k0, k1, step, i):
    """Return the two words of counter (step, i) under the key (k0, k1)."""
    k2 = k0 ^ k1 ^ uint32(PARITY)
    x0, x1 = _four(uint32(step + k0), uint32(uint32(i) + k1), True)
    x0, x1 = _four(uint32(x0 + k1), uint32(x1 + k2 + uint32(1)), False)
    x0, x1 = _four(uint32(x0 + k2), uint32(x1 + k0 + uint32(2)), True)
    x0, x1 = _four(uint32(x0 + k0), uint32(x1 + k1 + uint32(3)), False)
    x0, x1 = _four(uint32(x0 + k1), uint32(x1 + k2 + uint32(4)), True)
    return uint32(x0 + k2), uint32(x1 + k0 + uint32(5))


@njit(inline="always")
def _upper(word):
    return float32(int32(word >> uint32(16)) * 2 + 1) * float32(2.0**-17)


@njit(inline="always")
def _lower(word):
    return float32(int32(word & uint32(0xFFFF)) * 2 + 1) * float32(2.0**-17)


@njit(inline="always")
def _keep(value, u, odds):
    return value if u > odds * (float32(1) - u) else float32(0)


@njit(inline="always")
def _slope(u, odds):
    """Return s (1 - s)."""
    against = odds * (float32(1) - u)
    total = u + against
    return (u / total) * (against / total)


# One to four masks: their rows are a, b, c and d, or None. Index 0 of the arrays is weight ``begin`` of the tensor:
# the compiler does not vectorise an index that might be negative.
@njit(nogil=True, cache=True, error_model="numpy")
def _draw(k0, k1, step, begin, odds, weight, a, b, c, d):
    for i in range(odds.shape[0]):
        x0, x1 = _words(k0, k1, step, uint32(begin + uint32(i)))
        w, e = weight[i], odds[i]
        a[i] = _keep(w, _upper(x0), e)
        if b is not None:
            b[i] = _keep(w, _lower(x0), e)
        if c is not None:
            c[i] = _keep(w, _upper(x1), e)
        if d is not None:
            d[i] = _keep(w, _lower(x1), e)


# error_model: with Python's model each division has a branch, and the loop is not vectorised
@njit(nogil=True, cache=True, error_model="numpy")
def _logit_gradient(k0, k1, step, begin, odds, weight, a, b, c, d, out, more):
    for i in range(odds.shape[0]):
        x0, x1 = _words(k0, k1, step, uint32(begin + uint32(i)))
        e = odds[i]
        total = a[i] * _slope(_upper(x0), e)
        if b is not None:
            total += b[i] * _slope(_lower(x0), e)
        if c is not None:
            total += c[i] * _slope(_upper(x1), e)
        if d is not None:
            total += d[i] * _slope(_lower(x1), e)
        total *= weight[i]
        out[i] = total + out[i] if more is not None else total


@njit(nogil=True, cache=True, error_model="numpy")
def _weight_gradient(k0, k1, step, begin, odds, weight, a, b, c, d, out, more):
    for i in range(odds.shape[0]):
        x0, x1 = _words(k0, k1, step, uint32(begin + uint32(i)))
        e = odds[i]
        total = _keep(a[i], _upper(x0), e)
        if b is not None:
            total += _keep(b[i], _lower(x0), e)
        if c is not None:
            total += _keep(c[i], _upper(x1), e)
        if d is not None:
            total += _keep(d[i], _lower(x1), e)
        out[i] = total + out[i] if more is not None else total


def odds(logits: Tensor) -> Tensor:
    """Compute :func:`.sampling.odds`; contiguous float32 on the CPU."""
    out = torch.empty_like(logits)
    values, results = logits.view(-1), out.view(-1)

    def work(begin: int, stop: int) -> None:
        results[begin:stop] = sampling.odds(values[begin:stop])

    share(work, len(values), NANOSECONDS)
    return out


def apply_mask(odds: Tensor, weight: Tensor, key: Tensor, masks: int) -> Tensor:
    """Compute :func:`.sampling.apply_mask` with random numbers from ``key``; contiguous float32 on the CPU."""
    out = torch.empty((masks, *weight.shape), dtype=torch.float32)
    _over_fours(_draw, key, odds, weight, out, None)
    return out


def logit_gradient(odds: Tensor, weight: Tensor, key: Tensor, gradient: Tensor) -> Tensor:
    """Compute :func:`.sampling.logit_gradient` with random numbers from ``key``; float32 on the CPU."""
    out = torch.empty_like(odds)
    _over_fours(_logit_gradient, key, odds, weight, gradient.contiguous(), out)
    return out


def weight_gradient(odds: Tensor, weight: Tensor, key: Tensor, gradient: Tensor) -> Tensor:
    """Compute :func:`.sampling.weight_gradient` with random numbers from ``key``; float32 on the CPU."""
    out = torch.empty_like(odds)
    _over_fours(_weight_gradient, key, odds, weight, gradient.contiguous(), out)
    return out


def _over_fours(
    function: Callable[..., None],
    key: Tensor,
    odds: Tensor,
    weight: Tensor,
    masks: Tensor,
    out: Tensor | None,
) -> None:
    """Run ``function`` over all masks, four at a time. Threads share the weights."""
    seed, stream, step = key.tolist()
    odds_, weight_ = (each.detach().numpy().reshape(-1) for each in (odds, weight))
    rows = masks.detach().numpy().reshape(len(masks), -1)
    result = None if out is None else out.numpy().reshape(-1)

    def work(begin: int, stop: int) -> None:
        part = slice(begin, stop)
        for j in range(0, len(rows), FOUR):
            word = (np.uint32(each & 0xFFFFFFFF) for each in (seed, stream + j // FOUR, step, begin))
            four = [rows[k, part] if k < len(rows) else None for k in range(j, j + FOUR)]
            ends = () if result is None else (result[part], True if j else None)
            function(*word, odds_[part], weight_[part], *four, *ends)

    share(work, len(odds_), NANOSECONDS * -(-len(rows) // FOUR))
