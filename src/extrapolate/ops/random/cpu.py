"""The CPU kernel of :mod:`.reference`: one pass, compiled in the process by numba; results are equal to the bit."""

# pyright: reportIndexIssue=false, reportCallIssue=false
# (numba's decorated functions and type objects carry no useful static types)

import numpy as np
from numba import float32, int32, njit, uint32

from extrapolate.ops.random.reference import PARITY


@njit(inline="always")
def _mix(x0, x1, left, right):
    x0 = uint32(x0 + x1)
    return x0, uint32(uint32(x1 << left) | uint32(x1 >> right)) ^ x0


@njit(nogil=True, cache=True)
def _fill_row(k0, k1, step, row):
    # The rounds are unrolled: with a loop over the rotations the compiler would not vectorise over i.
    k2 = k0 ^ k1 ^ uint32(PARITY)
    half = (row.shape[0] + 1) // 2
    for i in range(half):
        x0 = uint32(step + k0)
        x1 = uint32(uint32(i) + k1)
        x0, x1 = _mix(x0, x1, uint32(13), uint32(19))
        x0, x1 = _mix(x0, x1, uint32(15), uint32(17))
        x0, x1 = _mix(x0, x1, uint32(26), uint32(6))
        x0, x1 = _mix(x0, x1, uint32(6), uint32(26))
        x0, x1 = uint32(x0 + k1), uint32(x1 + k2 + uint32(1))
        x0, x1 = _mix(x0, x1, uint32(17), uint32(15))
        x0, x1 = _mix(x0, x1, uint32(29), uint32(3))
        x0, x1 = _mix(x0, x1, uint32(16), uint32(16))
        x0, x1 = _mix(x0, x1, uint32(24), uint32(8))
        x0, x1 = uint32(x0 + k2), uint32(x1 + k0 + uint32(2))
        x0, x1 = _mix(x0, x1, uint32(13), uint32(19))
        x0, x1 = _mix(x0, x1, uint32(15), uint32(17))
        x0, x1 = _mix(x0, x1, uint32(26), uint32(6))
        x0, x1 = _mix(x0, x1, uint32(6), uint32(26))
        x0, x1 = uint32(x0 + k0), uint32(x1 + k1 + uint32(3))
        x0, x1 = _mix(x0, x1, uint32(17), uint32(15))
        x0, x1 = _mix(x0, x1, uint32(29), uint32(3))
        x0, x1 = _mix(x0, x1, uint32(16), uint32(16))
        x0, x1 = _mix(x0, x1, uint32(24), uint32(8))
        x0, x1 = uint32(x0 + k1), uint32(x1 + k2 + uint32(4))
        x0, x1 = _mix(x0, x1, uint32(13), uint32(19))
        x0, x1 = _mix(x0, x1, uint32(15), uint32(17))
        x0, x1 = _mix(x0, x1, uint32(26), uint32(6))
        x0, x1 = _mix(x0, x1, uint32(6), uint32(26))
        x0, x1 = uint32(x0 + k2), uint32(x1 + k0 + uint32(5))
        row[i] = float32(int32(x0 >> uint32(8))) * float32(2.0**-24)
        # An odd count does not use the last word.
        if half + i < row.shape[0]:
            row[half + i] = float32(int32(x1 >> uint32(8))) * float32(2.0**-24)


@njit(nogil=True, cache=True)
def fill_uniform(keys, out):
    """Fill ``out`` (rows, count) with uniform numbers; ``keys`` is int64 (rows, 3)."""
    for r in range(keys.shape[0]):
        _fill_row(uint32(keys[r, 0]), uint32(keys[r, 1]), uint32(keys[r, 2]), out[r])


def uniform(keys: np.ndarray, count: int) -> np.ndarray:
    """Return float32 (rows, count) in [0, 1) from int64 ``keys`` (rows, 3)."""
    out = np.empty((keys.shape[0], count), np.float32)
    fill_uniform(keys, out)
    return out
