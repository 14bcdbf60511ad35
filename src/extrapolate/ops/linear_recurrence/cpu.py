"""The CPU kernels: one loop over time with all channels of a step at once, compiled in the process by numba.

Memory is accessed in one direction: channels ascend if time ascends, and descend if time descends. Otherwise the loop
takes three times as long. The carry, one row, stays in the nearest cache. Threads share the sequences; with many more
threads than sequences they also share ranges of channels. The order of operations of a channel never changes, so
results do not depend on the number of threads.
"""

# pyright: reportCallIssue=false
# (numba adds the first argument of an intrinsic, the typing context)

from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from numba import njit
from torch import Tensor

from extrapolate._runtime.threads import at_once, cut
from extrapolate.ops.linear_recurrence._lanes import (
    LANES,
    LINE,
    adjoint_step,
    arrived,
    step,
    streamed_adjoint_step,
    streamed_step,
)
from extrapolate.ops.linear_recurrence._rows import Rows, reset_rows

#: Minimum number of channels in a range: several whole cache lines.
CHANNELS = 64

#: Minimum number of ranges when threads share channels: loops over parts of rows take twice as long per element.
ENOUGH_RANGES = 4

#: Time that one thread needs per element, forward or backward.
NANOSECONDS = 0.35

#: Results of this many bytes or more bypass the caches, from which they would displace everything else.
STREAMED = 2**25


@njit(nogil=True, cache=True)
def _scan(a, at, b, bt, reset, out, carry, length, low, high, reverse, streamed):
    """Compute channels low to high of one sequence.

    at, bt: elements from one time step of a and b to the next. carry: one row, the initial and then the final state.
    """
    width = carry.shape[0]
    blocks = (high - low) // LANES
    tail = low + blocks * LANES
    for i in range(length):
        t = length - 1 - i if reverse else i
        if reset.shape[0] > 0 and reset[t]:
            carry[low:high] = 0
        for j in range(blocks):
            d = low + LANES * (blocks - 1 - j if reverse else j)
            if streamed:
                streamed_step(a, t * at + d, b, t * bt + d, out, t * width + d, carry, d)
            else:
                step(a, t * at + d, b, t * bt + d, out, t * width + d, carry, d)
        for d in range(tail, high):
            state = a[t * at + d] * carry[d] + b[t * bt + d]
            carry[d] = state
            out[t * width + d] = state
    if streamed:
        arrived()


@njit(nogil=True, cache=True)
def _adjoint(g, gt, a, at, h, ht, begin, reset, da, db, carry, length, low, high, reverse, streamed):
    """Compute the gradients of one sequence, against the direction of its recurrence. begin: the initial state."""
    width = carry.shape[0]
    blocks = (high - low) // LANES
    tail = low + blocks * LANES
    for i in range(length):
        t = i if reverse else length - 1 - i
        forgets = reset.shape[0] > 0 and reset[t]
        first = i == length - 1
        before = 0 if first else (t + 1 if reverse else t - 1) * ht
        for j in range(blocks):
            d = low + LANES * (j if reverse else blocks - 1 - j)
            if first:
                adjoint_step(a, t * at + d, g, t * gt + d, begin, d, da, db, t * width + d, carry, d)
            elif streamed:
                streamed_adjoint_step(a, t * at + d, g, t * gt + d, h, before + d, da, db, t * width + d, carry, d)
            else:
                adjoint_step(a, t * at + d, g, t * gt + d, h, before + d, da, db, t * width + d, carry, d)
        for d in range(tail, high):
            total = carry[d] + g[t * gt + d]
            db[t * width + d] = total
            da[t * width + d] = total * (begin[d] if first else h[before + d])
            carry[d] = a[t * at + d] * total
        if forgets:
            carry[low:high] = 0
            da[t * width + low : t * width + high] = 0
    if streamed:
        arrived()


def _parts(shape: torch.Size) -> Iterator[tuple[range, int, int]]:
    """Yield parts of the work: sequences, first channel, end of channels.

    A part has all channels, unless there are enough threads for ranges of channels to save time.
    """
    count, length, width = shape
    chunks = len(cut(shape.numel(), NANOSECONDS))
    ranges = min(chunks, torch.get_num_threads() // count, width // CHANNELS)
    per_range = -(-width // ranges // LANES) * LANES if ranges >= ENOUGH_RANGES else width
    for start, stop in cut(count, length * width * NANOSECONDS):
        for low in range(0, width, per_range):
            yield range(start, stop), low, min(low + per_range, width)


def _streams(*results: Tensor) -> bool:
    """Return whether the results are large and every row of them starts at a cache line."""
    row = results[0].shape[-1] * results[0].element_size()
    large = results[0].numel() * results[0].element_size() >= STREAMED
    return large and row % LINE == 0 and all(each.data_ptr() % LINE == 0 for each in results)


def forward_into(out: Tensor, a: Tensor, b: Tensor, h0: Tensor | None, reset: Tensor | None, reverse: bool) -> None:
    """Write the states to ``out``, contiguous (N, T, D). All tensors have one dtype, float32 or float64."""
    if out.numel() == 0:
        return
    count, length, width = out.shape
    gates, tokens, states, resets = Rows(a), Rows(b), Rows(out), reset_rows(reset, count)
    streamed = _streams(out)
    carry = np.zeros((count, width), states.flat.dtype) if h0 is None else h0.contiguous().clone().numpy()

    def work(rows: range, low: int, high: int) -> None:
        for n in rows:
            _scan(
                *(gates[n], gates.step, tokens[n], tokens.step, resets[n], states[n], carry[n]),
                *(length, low, high, reverse, streamed),
            )

    at_once([partial(work, *part) for part in _parts(out.shape)])


def adjoint_into(
    da: Tensor,
    db: Tensor,
    g: Tensor,
    a: Tensor,
    h: Tensor,
    h0: Tensor | None,
    reset: Tensor | None,
    reverse: bool,
) -> Tensor:
    """Write the gradients of a and b to ``da`` and ``db``, contiguous (N, T, D); return that of h0 (N, D)."""
    count, length, width = h.shape
    dh0 = h.new_zeros(count, width)
    if h.numel() == 0:
        return dh0
    errors, gates, states, resets = Rows(g), Rows(a), Rows(h), reset_rows(reset, count)
    outs = Rows(da), Rows(db)
    starts = (torch.zeros_like(dh0) if h0 is None else h0.contiguous()).numpy()
    carry, streamed = dh0.numpy(), _streams(da, db)

    def work(rows: range, low: int, high: int) -> None:
        for n in rows:
            _adjoint(
                *(errors[n], errors.step, gates[n], gates.step, states[n], states.step, starts[n], resets[n]),
                *(outs[0][n], outs[1][n], carry[n]),
                *(length, low, high, reverse, streamed),
            )

    at_once([partial(work, *part) for part in _parts(h.shape)])
    return dh0


def forward(a: Tensor, b: Tensor, h0: Tensor | None, reset: Tensor | None, reverse: bool) -> Tensor:
    out = torch.empty_like(b, memory_format=torch.contiguous_format)
    forward_into(out, a, b, h0, reset, reverse)
    return out


def adjoint(
    g: Tensor, a: Tensor, h: Tensor, h0: Tensor | None, reset: Tensor | None, reverse: bool
) -> tuple[Tensor, Tensor, Tensor]:
    da, db = (torch.empty_like(h, memory_format=torch.contiguous_format) for _ in range(2))
    return da, db, adjoint_into(da, db, g, a, h, h0, reset, reverse)
