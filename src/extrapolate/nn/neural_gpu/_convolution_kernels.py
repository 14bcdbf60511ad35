"""The transforms before and after the products of :mod:`._convolution`: Winograd's F(4, 3), compiled by numba.

A tile is four output positions and the six input positions that they depend on. Positions beyond the end of the
sequence count as zeros. The transform replaces the six input positions by six sums, their values at the points 0, a,
-a, b, -b and infinity. These are float32 arrays (6, tiles, m); the tiles of a sequence are adjacent. Other arrays are
(B, n, m).

Source: Lavin & Gray, "Fast Algorithms for Convolutional Neural Networks" (arXiv 1509.09308), section 4.1, with other
points: a = 3/4 and b = 3/2 have exact squares and cubes, and rounding errors are smaller than with 1 and 2.

Each loop uses few array rows, each with its own name: with more rows the compiler cannot prove that none overlap.
"""

import numpy as np
from numba import njit

FAST = {"reassoc", "nsz", "contract"}

#: Output positions of a tile.
TILE = 4
POINTS = (0.75, 1.5)

A, B = (np.float32(point) for point in POINTS)
A2, B2, A3, B3 = A * A, B * B, A * A * A, B * B * B
SUM, PRODUCT = A2 + B2, A2 * B2


@njit(inline="always")
def _row(x, i, zeros):
    """Return ``x[i]``, or ``zeros`` beyond the ends."""
    return x[i] if 0 <= i < x.shape[0] else zeros


@njit(inline="always")
def _six(values, t):
    return values[0, t], values[1, t], values[2, t], values[3, t], values[4, t], values[5, t]


@njit(nogil=True, cache=True, fastmath=FAST)
def input_transform(x, values):
    """Write the six sums of each tile of x to values."""
    count, _, width = x.shape
    tiles, zeros = values.shape[1] // count, np.zeros(width, np.float32)
    for b in range(count):
        rows = x[b]
        for t in range(tiles):
            i = TILE * t
            d0, d1, d2 = _row(rows, i - 1, zeros), rows[i], _row(rows, i + 1, zeros)
            d3, d4, d5 = _row(rows, i + 2, zeros), _row(rows, i + 3, zeros), _row(rows, i + 4, zeros)
            v0, v1, v2, v3, v4, v5 = _six(values, b * tiles + t)
            for j in range(width):
                v0[j] = d4[j] - SUM * d2[j] + PRODUCT * d0[j]
            for j in range(width):
                v1[j] = d4[j] - B2 * d2[j] + A * (d3[j] - B2 * d1[j])
            for j in range(width):
                v2[j] = d4[j] - B2 * d2[j] - A * (d3[j] - B2 * d1[j])
            for j in range(width):
                v3[j] = d4[j] - A2 * d2[j] + B * (d3[j] - A2 * d1[j])
            for j in range(width):
                v4[j] = d4[j] - A2 * d2[j] - B * (d3[j] - A2 * d1[j])
            for j in range(width):
                v5[j] = d5[j] - SUM * d3[j] + PRODUCT * d1[j]


@njit(nogil=True, cache=True, fastmath=FAST)
def input_adjoint(dvalues, dx):
    """Write the gradient of the input to dx, from the gradient of its transform."""
    count, length, width = dx.shape
    tiles, zeros = dvalues.shape[1] // count, np.zeros(width, np.float32)
    for b in range(count):
        rows, first, last = dx[b], b * tiles, (b + 1) * tiles - 1
        for t in range(first, last + 1):
            i, (v0, v1, v2, v3, v4, v5) = TILE * (t - first), _six(dvalues, t)
            before = dvalues[5, t - 1] if t > first else zeros
            after = dvalues[0, t + 1] if t < last else zeros
            out = rows[i]
            for j in range(width):
                odd = A * B2 * (v2[j] - v1[j]) + B * A2 * (v4[j] - v3[j])
                out[j] = odd + PRODUCT * v5[j] + before[j]
            if i + 1 < length:
                out = rows[i + 1]
                for j in range(width):
                    out[j] = -SUM * v0[j] - B2 * (v1[j] + v2[j]) - A2 * (v3[j] + v4[j])
            if i + 2 < length:
                out = rows[i + 2]
                for j in range(width):
                    out[j] = A * (v1[j] - v2[j]) + B * (v3[j] - v4[j]) - SUM * v5[j]
            if i + 3 < length:
                out = rows[i + 3]
                for j in range(width):
                    out[j] = v0[j] + v1[j] + v2[j] + v3[j] + v4[j] + PRODUCT * after[j]


@njit(nogil=True, cache=True, fastmath=FAST)
def output_transform(values, bias, y):
    """Write the output to y, from the products of each tile and the bias."""
    count, length, width = y.shape
    tiles = values.shape[1] // count
    for b in range(count):
        rows = y[b]
        for t in range(tiles):
            i, (v0, v1, v2, v3, v4, v5) = TILE * t, _six(values, b * tiles + t)
            out = rows[i]
            for j in range(width):
                out[j] = v0[j] + v1[j] + v2[j] + v3[j] + v4[j] + bias[j]
            if i + 1 < length:
                out = rows[i + 1]
                for j in range(width):
                    out[j] = A * (v1[j] - v2[j]) + B * (v3[j] - v4[j]) + bias[j]
            if i + 2 < length:
                out = rows[i + 2]
                for j in range(width):
                    out[j] = A2 * (v1[j] + v2[j]) + B2 * (v3[j] + v4[j]) + bias[j]
            if i + 3 < length:
                out = rows[i + 3]
                for j in range(width):
                    out[j] = A3 * (v1[j] - v2[j]) + B3 * (v3[j] - v4[j]) + v5[j] + bias[j]


@njit(nogil=True, cache=True, fastmath=FAST)
def output_adjoint(dy, dvalues):
    """Write the gradient of the products to dvalues, from the gradient of the output."""
    count, _, width = dy.shape
    tiles, zeros = dvalues.shape[1] // count, np.zeros(width, np.float32)
    for b in range(count):
        rows = dy[b]
        for t in range(tiles):
            i, (v0, v1, v2, v3, v4, v5) = TILE * t, _six(dvalues, b * tiles + t)
            e0, e1 = rows[i], _row(rows, i + 1, zeros)
            e2, e3 = _row(rows, i + 2, zeros), _row(rows, i + 3, zeros)
            for j in range(width):
                v0[j] = e0[j]
            for j in range(width):
                v1[j] = e0[j] + A2 * e2[j] + (A * e1[j] + A3 * e3[j])
            for j in range(width):
                v2[j] = e0[j] + A2 * e2[j] - (A * e1[j] + A3 * e3[j])
            for j in range(width):
                v3[j] = e0[j] + B2 * e2[j] + (B * e1[j] + B3 * e3[j])
            for j in range(width):
                v4[j] = e0[j] + B2 * e2[j] - (B * e1[j] + B3 * e3[j])
            for j in range(width):
                v5[j] = e3[j]
