"""The CPU kernels: one walk over time, all channels of a step side by side, compiled in the process by numba.

Memory is walked in one direction (channels upwards as time goes forward, downwards as it goes back): the other
costs three times as much. A carry of one row stays in the nearest cache. Threads share the sequences, and ranges of
channels where there are many more threads; the order of operations of a channel never changes, so results do not
depend on threads.
"""

# pyright: reportCallIssue=false
# (numba's intrinsics take one argument fewer than they are written with)

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

#: Channels of a range at the least: whole cache lines, and long enough runs of them.
CHANNELS = 64

#: Ranges of channels of one sequence at the least: a walk over parts of rows takes twice as long for each number.
ENOUGH_RANGES = 4

#: What an element costs one thread, in either direction.
NANOSECONDS = 0.35

#: Bytes of a result that is written past the caches: it would push everything else out of them.
STREAMED = 2**25


@njit(nogil=True, cache=True)
def _scan(a, at, b, bt, reset, out, carry, length, low, high, reverse, streamed):
    """One sequence. at, bt: elements from one step of a and b to the next; carry: one row, the start and the end."""
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
    """One sequence, against the direction of its recurrence. start: the row before the first state."""
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
    """Sequences, and ranges of their channels: one range, unless there are threads enough that more of them pay."""
    count, length, width = shape
    chunks = len(cut(shape.numel(), NANOSECONDS))
    ranges = min(chunks, torch.get_num_threads() // count, width // CHANNELS)
    per_range = -(-width // ranges // LANES) * LANES if ranges >= ENOUGH_RANGES else width
    for start, stop in cut(count, length * width * NANOSECONDS):
        for low in range(0, width, per_range):
            yield range(start, stop), low, min(low + per_range, width)


def _streams(*results: Tensor) -> bool:
    """Whether the results are large, and every row of theirs begins at a cache line."""
    row = results[0].shape[-1] * results[0].element_size()
    large = results[0].numel() * results[0].element_size() >= STREAMED
    return large and row % LINE == 0 and all(each.data_ptr() % LINE == 0 for each in results)


def forward_into(out: Tensor, a: Tensor, b: Tensor, h0: Tensor | None, reset: Tensor | None, reverse: bool) -> None:
    """Writes the states into ``out``, contiguous (N, T, D); float32 or float64 throughout."""
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
    """Writes the gradients of a and b into ``da`` and ``db``, contiguous (N, T, D); returns that of h0 (N, D)."""
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
