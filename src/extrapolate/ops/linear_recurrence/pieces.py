"""One long narrow sequence on several CPU threads: time is cut into pieces that begin from zero and are corrected.

The state is linear in the one before a piece: what a piece began with is carried through it by its gates alone,
and added. Of gates below 1 that is soon exactly zero, and the correction ends there; at the worst it is one more pass
over the piece, which is in the cache still where one thread does it all. Pieces depend on the shape only, so results
do not depend on how many threads there are.
"""

# pyright: reportCallIssue=false
# (numba's compiled functions take tuples that a type checker cannot count)

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor

from extrapolate.ops.linear_recurrence import _piece_kernels as kernels
from extrapolate.ops.linear_recurrence._rows import Rows, at_once, reset_rows, threads_for

#: The least length that is cut, and the most sequences times channels: more are shared among threads as they are.
LONG, NARROW = 2**15, 64


def is_long_and_narrow(shape: torch.Size) -> bool:
    count, length, width = shape
    return count * width <= NARROW and length >= LONG


def _workspace(length: int, width: int, like: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``ends`` and ``products`` of all pieces."""
    ends = np.empty((-(-length // kernels.PIECE), width), like.dtype)
    return ends, np.empty_like(ends)


def _share(pieces: int, threads: int, work: Callable[[int, int], None]) -> None:
    bounds = [pieces * i // threads for i in range(threads + 1)]
    at_once((partial(work, *bounds[i : i + 2]) for i in range(threads)), threads)


def forward_into(
    out: Tensor, a: Tensor, b: Tensor, h0: Tensor | None, reset: Tensor | None, reverse: bool
) -> None:
    """See :func:`.cpu.forward_into`."""
    count, length, width = out.shape
    gates, tokens, states, resets = Rows(a), Rows(b), Rows(out), reset_rows(reset, count)
    carry = np.zeros((count, width), states.flat.dtype) if h0 is None else h0.contiguous().clone().numpy()
    ends, products = _workspace(length, width, states.flat)
    threads = threads_for(length * width)
    for n in range(count):
        given = gates[n], gates.step, tokens[n], tokens.step, resets[n], states[n], ends, products
        if threads < 2:
            kernels.scan_all(*given, carry[n], length, reverse)
            continue

        def scan(first: int, last: int, given: tuple = given) -> None:
            kernels.scan_pieces(*given, first, last, length, reverse)

        def correct(first: int, last: int, n: int = n) -> None:
            rows = gates[n], gates.step, resets[n], states[n], products
            kernels.correct_scan(*rows, first, last, length, reverse)

        _share(len(ends), threads, scan)
        kernels.join(ends, products, carry[n])
        _share(len(ends), threads, correct)


def adjoint_into(
    da: Tensor,
    db: Tensor,
    dh0: Tensor,
    g: Tensor,
    a: Tensor,
    h: Tensor,
    h0: Tensor | None,
    reset: Tensor | None,
    reverse: bool,
) -> None:
    """See :func:`.cpu.adjoint_into`; ``dh0`` (N, D), zeros, is written too."""
    count, length, width = h.shape
    errors, gates, states, resets = Rows(g), Rows(a), Rows(h), reset_rows(reset, count)
    outs, carry = (Rows(da), Rows(db)), dh0.numpy()
    starts = (torch.zeros_like(dh0) if h0 is None else h0.contiguous()).numpy()
    ends, products = _workspace(length, width, states.flat)
    threads = threads_for(length * width)
    for n in range(count):
        walked = gates[n], gates.step, states[n], states.step, starts[n], resets[n], outs[0][n], outs[1][n]
        given = errors[n], errors.step, *walked, ends, products
        if threads < 2:
            kernels.adjoint_all(*given, carry[n], length, reverse)
            continue

        def walk(first: int, last: int, given: tuple = given) -> None:
            kernels.adjoint_pieces(*given, first, last, length, reverse)

        def correct(first: int, last: int, walked: tuple = walked) -> None:
            kernels.correct_adjoint(*walked, products, first, last, length, reverse)

        _share(len(ends), threads, walk)
        kernels.join(ends, products, carry[n])
        _share(len(ends), threads, correct)
