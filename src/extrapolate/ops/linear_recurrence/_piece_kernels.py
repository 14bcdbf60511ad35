"""The kernels of :mod:`.pieces`. Arrays of one sequence, flat, with the elements from one step to the next."""

# pyright: reportCallIssue=false
# (numba's intrinsics take one argument fewer than they are written with)

import numpy as np
from numba import njit

from extrapolate.ops.linear_recurrence._lanes import LANES, adjoint_step, step

#: Steps of a piece.
PIECE = 2048
#: Steps of a correction between two looks whether anything is left to add.
LOOK = 32


@njit(nogil=True, cache=True)
def _span(piece, length, reverse):
    """The first step in the direction of the walk, the sign of a stride, and the steps of a piece."""
    begin = piece * PIECE
    steps = min(PIECE, length - begin)
    return (length - 1 - begin, -1, steps) if reverse else (begin, 1, steps)


@njit(nogil=True, cache=True)
def scan_pieces(a, at, b, bt, reset, out, ends, products, first, last, length, reverse):
    """States of the pieces ``first`` to ``last`` - 1, each from zero. ends, products (pieces, D): written."""
    width = ends.shape[1]
    tail = width // LANES * LANES
    for piece in range(first, last):
        t, stride, steps = _span(piece, length, reverse)
        state, product = ends[piece], products[piece]
        state[:] = 0
        product[:] = 1
        for _ in range(steps):
            if reset.shape[0] > 0 and reset[t]:
                state[:] = 0
                product[:] = 0
            for d in range(0, tail, LANES):
                step(a, t * at + d, b, t * bt + d, out, t * width + d, state, d)
            for d in range(tail, width):
                state[d] = a[t * at + d] * state[d] + b[t * bt + d]
                out[t * width + d] = state[d]
            for d in range(width):
                product[d] *= a[t * at + d]
            t += stride


@njit(nogil=True, cache=True)
def adjoint_pieces(g, gt, a, at, h, ht, start, reset, da, db, ends, products, first, last, length, reverse):
    """Gradients of pieces in the walk's order, each from zero. start: the row before the first state."""
    width = ends.shape[1]
    tail = width // LANES * LANES
    for piece in range(first, last):
        t, stride, steps = _span(piece, length, not reverse)
        carry, product = ends[piece], products[piece]
        carry[:] = 0
        product[:] = 1
        for _ in range(steps):
            ahead = t + stride
            inside = 0 <= ahead < length
            for d in range(0, tail, LANES):
                if inside:
                    adjoint_step(
                        a, t * at + d, g, t * gt + d, h, ahead * ht + d, da, db, t * width + d, carry, d
                    )
                else:
                    adjoint_step(a, t * at + d, g, t * gt + d, start, d, da, db, t * width + d, carry, d)
            for d in range(tail, width):
                total = carry[d] + g[t * gt + d]
                db[t * width + d] = total
                da[t * width + d] = total * (h[ahead * ht + d] if inside else start[d])
                carry[d] = a[t * at + d] * total
            for d in range(width):
                product[d] *= a[t * at + d]
            if reset.shape[0] > 0 and reset[t]:
                carry[:] = 0
                product[:] = 0
                da[t * width : (t + 1) * width] = 0
            t += stride


@njit(nogil=True, cache=True)
def join(ends, products, carry):
    """What each piece truly begins with, in place of ``products``; ``carry`` (D): the beginning, then the end."""
    for piece in range(ends.shape[0]):
        for d in range(carry.shape[0]):
            begun = carry[d]
            # a product that overflowed must not make NaN of a state that is 0
            carry[d] = ends[piece, d] + (products[piece, d] * begun if begun != 0 else 0)
            products[piece, d] = begun


@njit(nogil=True, cache=True)
def _nothing(state):
    return not np.any(state != 0)  # a NaN is something


@njit(nogil=True, cache=True)
def correct_scan(a, at, reset, out, starts, first, last, length, reverse):
    """Adds to the states of pieces what they truly begin with: ``starts`` (pieces, D), consumed."""
    width = starts.shape[1]
    for piece in range(first, last):
        t, stride, steps = _span(piece, length, reverse)
        state = starts[piece]
        for i in range(steps):
            if i % LOOK == 0 and _nothing(state):
                break
            if reset.shape[0] > 0 and reset[t]:
                break
            for d in range(width):
                state[d] *= a[t * at + d]
                out[t * width + d] += state[d]
            t += stride


@njit(nogil=True, cache=True)
def correct_adjoint(a, at, h, ht, start, reset, da, db, starts, first, last, length, reverse):
    """As :func:`correct_scan`, for the gradients."""
    width = starts.shape[1]
    for piece in range(first, last):
        t, stride, steps = _span(piece, length, not reverse)
        state = starts[piece]
        for i in range(steps):
            if i % LOOK == 0 and _nothing(state):
                break
            forgets = reset.shape[0] > 0 and reset[t]
            ahead = t + stride
            inside = 0 <= ahead < length
            for d in range(width):
                db[t * width + d] += state[d]
                if not forgets:
                    da[t * width + d] += state[d] * (h[ahead * ht + d] if inside else start[d])
                state[d] *= a[t * at + d]
            if forgets:
                break
            t += stride


@njit(nogil=True, cache=True)
def scan_all(a, at, b, bt, reset, out, ends, products, carry, length, reverse):
    """One thread: a piece is corrected while it is in the cache."""
    for piece in range(ends.shape[0]):
        scan_pieces(a, at, b, bt, reset, out, ends, products, piece, piece + 1, length, reverse)
        join(ends[piece : piece + 1], products[piece : piece + 1], carry)
        correct_scan(a, at, reset, out, products, piece, piece + 1, length, reverse)


@njit(nogil=True, cache=True)
def adjoint_all(g, gt, a, at, h, ht, start, reset, da, db, ends, products, carry, length, reverse):
    """As :func:`scan_all`."""
    for piece in range(ends.shape[0]):
        adjoint_pieces(
            g, gt, a, at, h, ht, start, reset, da, db, ends, products, piece, piece + 1, length, reverse
        )
        join(ends[piece : piece + 1], products[piece : piece + 1], carry)
        correct_adjoint(a, at, h, ht, start, reset, da, db, products, piece, piece + 1, length, reverse)
