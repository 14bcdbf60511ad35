"""The elementwise passes of :mod:`._diagonal_fused` before and after its convolutions, compiled by numba.

* ``state``: (B, n, m). ``gates``: (B, n, 2 m), preactivations of r, then of u. ``new``: (B, n, m), those of the
  candidate.
* ``inside``: (B, n), 1 at active positions, else 0. ``cost_weight``: (B, n), the weight of a position's saturation.
* ``keep``: (B, n, m), the dropout mask: True where a candidate is kept, which is then multiplied by ``scale``.

All arrays are contiguous; numbers are float32. Each loop uses few array rows, each with its own name: with more than
eight pairs of rows the compiler does not check whether they overlap, and does not vectorise.
"""

import math

import numpy as np
from numba import float32, njit

from extrapolate.nn.arithmetic._hard import SATURATED

LIMIT = np.float32(SATURATED)
HALF, ONE, ZERO = np.float32(0.5), np.float32(1.0), np.float32(0.0)
FAST = {"reassoc", "nsz", "contract"}


@njit(inline="always")
def _row(x, i, zeros):
    """Return ``x[i]``, or ``zeros`` beyond the ends."""
    return x[i] if 0 <= i < x.shape[0] else zeros


@njit(inline="always")
def _shifted_channel(j, second, third, stay, left, right):
    """Return channel j of the shifted state: the last two thirds come from the left and the right neighbour."""
    return stay if j < second else (left if j < third else right)


@njit(inline="always")
def _gate(x):
    return min(max(HALF * x + HALF, ZERO), ONE)


@njit(inline="always")
def _clamp(x):
    return min(max(x, -ONE), ONE)


@njit(inline="always")
def _over(x):
    return max(abs(x) - LIMIT, ZERO)


@njit(inline="always")
def _slope(x, error, pull):
    """Return the gradient of a preactivation: ``error`` between the kinks, plus ±``pull`` beyond the limit."""
    through = error if abs(x) <= ONE else ZERO
    back = pull if abs(x) >= LIMIT else ZERO
    return through + (back if x > ZERO else -back)


@njit(nogil=True, cache=True, fastmath=FAST)
def reset(gates, state, cost_weight, passed):
    """Write r ⊙ s to ``passed``; return the saturation of r's preactivations."""
    count, length, width = state.shape
    total = 0.0
    for b in range(count):
        for i in range(length):
            x, s, out, part = gates[b, i], state[b, i], passed[b, i], ZERO
            for j in range(width):
                out[j] = _gate(x[j]) * s[j]
                part += _over(x[j])
            total += part * cost_weight[b, i]
    return total


@njit(nogil=True, cache=True, fastmath=FAST)
def mix(gates, new, keep, scale, state, inside, cost_weight, after):
    """Write the next state to ``after``; return the saturation of u's and c's preactivations."""
    count, length, width = state.shape
    second, third, zeros = width - 2 * (width // 3), width - width // 3, np.zeros(width, np.float32)
    total = 0.0
    for b in range(count):
        for i in range(length):
            x, a, drop, mask = gates[b, i, width:], new[b, i], keep[b, i], inside[b, i]
            s, left, right = state[b, i], _row(state[b], i - 1, zeros), _row(state[b], i + 1, zeros)
            out, part = after[b, i], ZERO
            for j in range(width):
                shifted = _shifted_channel(j, second, third, s[j], left[j], right[j])
                c = _clamp(a[j]) * (scale * float32(drop[j]))
                out[j] = mask * (c + _gate(x[j]) * (shifted - c))
                part += _over(x[j]) + _over(a[j])
            total += part * cost_weight[b, i]
    return total


@njit(nogil=True, cache=True, fastmath=FAST)
def round_to_grid(value, quantization_levels, share):
    """Move ``value`` towards the nearest multiple of 1/``quantization_levels``, by ``share`` of the distance."""
    count, length, width = value.shape
    for b in range(count):
        for i in range(length):
            out = value[b, i]
            for j in range(width):
                out[j] += share * (math.floor(out[j] * quantization_levels + HALF) / quantization_levels - out[j])


@njit(nogil=True, cache=True, fastmath=FAST)
def mix_adjoint(gates, new, keep, scale, state, inside, cost_weight, error, pull, dgates, dnew):
    """Write the gradients of u's and c's preactivations, from that of the next state, ``error``.

    ``error`` is overwritten with the gradient of the shifted state. ``pull``: the gradient of the saturation.
    """
    count, length, width = state.shape
    second, third, zeros = width - 2 * (width // 3), width - width // 3, np.zeros(width, np.float32)
    for b in range(count):
        for i in range(length):
            x, a, drop, e = gates[b, i, width:], new[b, i], keep[b, i], error[b, i]
            s, left, right = state[b, i], _row(state[b], i - 1, zeros), _row(state[b], i + 1, zeros)
            dx, da, mask, back = dgates[b, i, width:], dnew[b, i], inside[b, i], pull * cost_weight[b, i]
            for j in range(width):
                shifted = _shifted_channel(j, second, third, s[j], left[j], right[j])
                c = _clamp(a[j]) * (scale * float32(drop[j]))
                dx[j] = _slope(x[j], HALF * mask * e[j] * (shifted - c), back)
            for j in range(width):
                e[j] *= mask
                da[j] = _slope(a[j], e[j] * (ONE - _gate(x[j])) * (scale * float32(drop[j])), back)
            for j in range(width):
                e[j] *= _gate(x[j])


@njit(nogil=True, cache=True, fastmath=FAST)
def reset_adjoint(gates, state, dpassed, pull, cost_weight, dgates):
    """Write the gradient of r's preactivations to ``dgates``, from that of r ⊙ s."""
    count, length, width = state.shape
    for b in range(count):
        for i in range(length):
            x, s, e, dx, back = gates[b, i], state[b, i], dpassed[b, i], dgates[b, i], pull * cost_weight[b, i]
            for j in range(width):
                dx[j] = _slope(x[j], HALF * e[j] * s[j], back)


@njit(nogil=True, cache=True, fastmath=FAST)
def state_adjoint(gates, carried, dpassed, dstate):
    """Add the gradients through r ⊙ s and through the shifted state to ``dstate``, the gradient through the gates."""
    count, length, width = dstate.shape
    second, third, zeros = width - 2 * (width // 3), width - width // 3, np.zeros(width, np.float32)
    for b in range(count):
        for i in range(length):
            x, e, out = gates[b, i], dpassed[b, i], dstate[b, i]
            stay, left, right = carried[b, i], _row(carried[b], i + 1, zeros), _row(carried[b], i - 1, zeros)
            for j in range(width):
                out[j] += _shifted_channel(j, second, third, stay[j], left[j], right[j]) + e[j] * _gate(x[j])
