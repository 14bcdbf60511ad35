"""The elementwise passes of :mod:`._diagonal_fused`, compiled by numba: what is left around its convolutions.

States (B, n, m); gates (B, n, 2 m), the preactivations of r, then of u; new (B, n, m), those of the candidate;
``inside`` (B, n) is 1 where a place takes part, else 0; ``worth`` (B, n) is how much a place's saturation counts;
``kept`` (B, n, m) is True where dropout leaves a candidate, which is then multiplied by ``scale``. All arrays are
contiguous; numbers are float32.

Each pass has few arrays, and a row of each in a name of its own: of more the compiler cannot tell that none of them
overlap, and does one number at a time.
"""

import math

import numpy as np
from numba import float32, njit

from extrapolate.nn._hard import SATURATED

LIMIT = np.float32(SATURATED)
HALF, ONE, ZERO = np.float32(0.5), np.float32(1.0), np.float32(0.0)
FAST = {"reassoc", "nsz", "contract"}


@njit(inline="always")
def _gate(x):
    return min(max(HALF * x + HALF, ZERO), ONE)


@njit(inline="always")
def _clip(x):
    return min(max(x, -ONE), ONE)


@njit(inline="always")
def _over(x):
    return max(abs(x) - LIMIT, ZERO)


@njit(inline="always")
def _slope(x, error, pull):
    """The gradient of a preactivation: ``error`` between the kinks, and ``pull`` beyond the limit, towards 0."""
    through = error if abs(x) <= ONE else ZERO
    back = pull if abs(x) >= LIMIT else ZERO
    return through + (back if x > ZERO else -back)


@njit(nogil=True, cache=True, fastmath=FAST)
def reset(gates, state, worth, passed):
    """passed ← r ⊙ s; returns the saturation of r's preactivations."""
    count, length, width = state.shape
    total = 0.0
    for b in range(count):
        for i in range(length):
            x, s, out, part = gates[b, i], state[b, i], passed[b, i], ZERO
            for j in range(width):
                out[j] = _gate(x[j]) * s[j]
                part += _over(x[j])
            total += part * worth[b, i]
    return total


@njit(nogil=True, cache=True)
def carry(state, carried):
    """carried ← the shifted state: the last thirds of the maps come from the left and from the right."""
    length, width = state.shape[1:]
    second, third = width - 2 * (width // 3), width - width // 3
    for b in range(state.shape[0]):
        rows, out = state[b], carried[b]
        out[:, :second] = rows[:, :second]
        out[0, second:third] = ZERO
        out[1:, second:third] = rows[: length - 1, second:third]
        out[: length - 1, third:] = rows[1:, third:]
        out[length - 1, third:] = ZERO


@njit(nogil=True, cache=True)
def carry_back(error, dstate):
    """The adjoint of ``carry``."""
    length, width = error.shape[1:]
    second, third = width - 2 * (width // 3), width - width // 3
    for b in range(error.shape[0]):
        rows, out = error[b], dstate[b]
        out[:, :second] = rows[:, :second]
        out[: length - 1, second:third] = rows[1:, second:third]
        out[length - 1, second:third] = ZERO
        out[0, third:] = ZERO
        out[1:, third:] = rows[: length - 1, third:]


@njit(nogil=True, cache=True)
def gathered(dthree, dstate):
    """The adjoint of three places side by side, dthree (B, n, 3 m): left neighbour, place and right neighbour."""
    count, length, width = dstate.shape
    for b in range(count):
        for i in range(length):
            own, out = dthree[b, i, width : 2 * width], dstate[b, i]
            for j in range(width):
                out[j] = own[j]
            if i > 0:
                as_right = dthree[b, i - 1, 2 * width :]
                for j in range(width):
                    out[j] += as_right[j]
            if i < length - 1:
                as_left = dthree[b, i + 1, :width]
                for j in range(width):
                    out[j] += as_left[j]


@njit(nogil=True, cache=True, fastmath=FAST)
def candidate(new, kept, scale, worth, value):
    """value ← c, after dropout; returns the saturation of c's preactivations."""
    count, length, width = new.shape
    total = 0.0
    for b in range(count):
        for i in range(length):
            a, left, out, part = new[b, i], kept[b, i], value[b, i], ZERO
            for j in range(width):
                out[j] = _clip(a[j]) * (scale * float32(left[j]))
                part += _over(a[j])
            total += part * worth[b, i]
    return total


@njit(nogil=True, cache=True, fastmath=FAST)
def mix(gates, carried, inside, worth, value):
    """value ← the next state, from c; returns the saturation of u's preactivations."""
    count, length, width = value.shape
    total = 0.0
    for b in range(count):
        for i in range(length):
            x, held, out, mask, part = gates[b, i, width:], carried[b, i], value[b, i], inside[b, i], ZERO
            for j in range(width):
                out[j] = mask * (out[j] + _gate(x[j]) * (held[j] - out[j]))
                part += _over(x[j])
            total += part * worth[b, i]
    return total


@njit(nogil=True, cache=True, fastmath=FAST)
def rounded(value, levels, share):
    """value ← by ``share`` nearer to the nearest multiple of 1/``levels``."""
    count, length, width = value.shape
    for b in range(count):
        for i in range(length):
            out = value[b, i]
            for j in range(width):
                out[j] += share * (math.floor(out[j] * levels + HALF) / levels - out[j])


@njit(nogil=True, cache=True, fastmath=FAST)
def update_adjoint(gates, carried, value, error, pull, worth, dgates):
    """The gradient of u's preactivations, from that of the next state, ``error``; ``pull``: of the saturation."""
    count, length, width = value.shape
    for b in range(count):
        for i in range(length):
            x, held, c, e = gates[b, i, width:], carried[b, i], value[b, i], error[b, i]
            dx, back = dgates[b, i, width:], pull * worth[b, i]
            for j in range(width):
                dx[j] = _slope(x[j], HALF * e[j] * (held[j] - c[j]), back)


@njit(nogil=True, cache=True, fastmath=FAST)
def candidate_adjoint(gates, new, kept, scale, error, pull, worth, dnew):
    """As ``update_adjoint``, of c's preactivations."""
    count, length, width = new.shape
    for b in range(count):
        for i in range(length):
            x, a, left, e, da = gates[b, i, width:], new[b, i], kept[b, i], error[b, i], dnew[b, i]
            back = pull * worth[b, i]
            for j in range(width):
                da[j] = _slope(a[j], e[j] * (ONE - _gate(x[j])) * (scale * float32(left[j])), back)


@njit(nogil=True, cache=True, fastmath=FAST)
def masked(error, inside):
    """error ← that of the state before it was made zero outside."""
    count, length, width = error.shape
    for b in range(count):
        for i in range(length):
            e, mask = error[b, i], inside[b, i]
            for j in range(width):
                e[j] *= mask


@njit(nogil=True, cache=True, fastmath=FAST)
def held(gates, error):
    """error ← that of what is carried."""
    count, length, width = error.shape
    for b in range(count):
        for i in range(length):
            x, e = gates[b, i, width:], error[b, i]
            for j in range(width):
                e[j] *= _gate(x[j])


@njit(nogil=True, cache=True, fastmath=FAST)
def reset_adjoint(gates, state, dpassed, pull, worth, dgates):
    """As ``update_adjoint``, of r's preactivations, from the gradient of r ⊙ s."""
    count, length, width = state.shape
    for b in range(count):
        for i in range(length):
            x, s, e, dx, back = gates[b, i], state[b, i], dpassed[b, i], dgates[b, i], pull * worth[b, i]
            for j in range(width):
                dx[j] = _slope(x[j], HALF * e[j] * s[j], back)


@njit(nogil=True, cache=True, fastmath=FAST)
def passed_on(gates, dpassed, back, dstate):
    """Adds to the state's gradient that through r ⊙ s, and that through the gates, ``back``."""
    count, length, width = dstate.shape
    for b in range(count):
        for i in range(length):
            x, e, g, ds = gates[b, i], dpassed[b, i], back[b, i], dstate[b, i]
            for j in range(width):
                ds[j] += g[j] + e[j] * _gate(x[j])
