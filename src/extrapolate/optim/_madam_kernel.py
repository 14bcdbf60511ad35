"""The CPU kernel of Madam: one pass over memory for all parameters, compiled in the process by numba.

Its input is a table of tensor addresses. A step of a hundred small parameters is therefore one call, and threads
share it by elements, for any shapes. It computes ``madam.move`` in float32.
"""

# pyright: reportIndexIssue=false, reportCallIssue=false, reportArgumentType=false
# pyright: reportPrivateImportUsage=false
# (numba's decorated functions and type objects carry no useful static types)

import math
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numba import carray, float32, int64, njit
from torch import Tensor

from extrapolate._runtime.threads import share
from extrapolate.optim._formulas import rates_of
from extrapolate.optim._usable_kernel import floats_at

if TYPE_CHECKING:
    from extrapolate.optim._step import Entry

#: Columns of the table of tensors: addresses (ADDITIVE may be 0), number of rows, elements per row.
WEIGHT, GRADIENT, SECOND, STEP, BOUND, ADDITIVE, ROWS, SIZE = range(8)

#: Columns of the settings of a tensor, float64.
BETA, GRADIENT_BOUND = range(2)

#: Columns of the table of rows (one per tensor and replica), float32. CORRECTION is 1 / (1 − βᵗ).
USED, TAKE, CORRECTION, LARGEST, MULTIPLY, ADD, LIMIT = range(7)

#: Time per element on one thread.
NANOSECONDS = 0.7

LOG2_E = 1.4426950408889634
LN2_HIGH, LN2_LOW = 0.693359375, -2.12194440e-4  # their sum is ln 2; small multiples of the first are exact


@njit(inline="always")
def _exp(x):
    """Return exp(x) for |x| < 80, to about 1e-7: a power of 2 times the Taylor polynomial of the remainder."""
    n = np.floor(x * float32(LOG2_E) + float32(0.5))
    r = (x - n * float32(LN2_HIGH)) - n * float32(LN2_LOW)
    p = r * float32(1 / 720) + float32(1 / 120)
    p = p * r + float32(1 / 24)
    p = p * r + float32(1 / 6)
    p = p * r + float32(0.5)
    p = p * r + float32(1)
    p = p * r + float32(1)
    return p * np.int32((np.int32(n) + np.int32(127)) << np.int32(23)).view(np.float32)


@njit(inline="always")
def _exp_of_small(x):
    """Return exp(x) for |x| <= 0.1 by its Taylor polynomial, to about 2e-9."""
    p = x * float32(1 / 120) + float32(1 / 24)
    p = p * x + float32(1 / 6)
    p = p * x + float32(0.5)
    p = p * x + float32(1)
    return p * x + float32(1)


# With Python's error_model, each division is a branch, which prevents vectorisation.
@njit(nogil=True, cache=True, error_model="numpy")
def _move_row(w, g, v, row, tiny):
    take, correction, largest = row[TAKE], row[CORRECTION], row[LARGEST]
    multiply, add, limit = row[MULTIPLY], row[ADD], row[LIMIT]
    small = abs(multiply) * largest <= float32(0.1)  # the compiler makes one loop per case
    for i in range(w.shape[0]):
        gradient, weight = g[i], w[i]
        second = v[i] + take * (gradient * gradient - v[i])
        v[i] = second
        root = np.sqrt(second * correction)
        step = gradient / (root if root > tiny else tiny)
        step = step if step < largest else largest
        step = step if step > -largest else -largest
        sign = float32(1) if weight > float32(0) else float32(-1)
        exponent = -(multiply * step) * sign
        factor = _exp_of_small(exponent) if small else _exp(exponent)
        moved = weight * factor - add * step
        moved = moved if moved < limit else limit
        w[i] = moved if moved > -limit else -limit


@njit(nogil=True, cache=True)
def _move_share(tensors, rows, tiny, first, stop):
    """Update elements ``first`` to ``stop`` of all tensors, numbered consecutively."""
    begin, at_row = int64(0), int64(0)
    for t in range(tensors.shape[0]):
        size = tensors[t, SIZE]
        for r in range(tensors[t, ROWS]):
            low, high = max(first, begin), min(stop, begin + size)
            if low < high and rows[at_row, USED] != float32(0):
                skipped = 4 * (r * size + low - begin)
                w = carray(floats_at(tensors[t, WEIGHT] + skipped), high - low)
                g = carray(floats_at(tensors[t, GRADIENT] + skipped), high - low)
                v = carray(floats_at(tensors[t, SECOND] + skipped), high - low)
                _move_row(w, g, v, rows[at_row], tiny)
            begin += size
            at_row += 1


@njit(nogil=True, cache=True, error_model="numpy")
def _prepare(tensors, settings, rates, usable, rows):
    """Count the step of all usable rows, and fill ``rows``. Learning rates are negative to maximize."""
    at_row = 0
    for t in range(tensors.shape[0]):
        count, beta = tensors[t, ROWS], settings[t, BETA]
        step = carray(floats_at(tensors[t, STEP]), count)
        bound = carray(floats_at(tensors[t, BOUND]), count)
        for r in range(count):
            row = rows[at_row]
            row[USED] = float32(usable[at_row])
            step[r] += row[USED]
            row[TAKE] = 1 - beta
            row[CORRECTION] = -1 / math.expm1(max(step[r], 1) * math.log(beta))
            row[LARGEST], row[LIMIT] = settings[t, GRADIENT_BOUND], bound[r]
            row[MULTIPLY], row[ADD] = rates[at_row], 0
            if tensors[t, ADDITIVE]:
                scale = carray(floats_at(tensors[t, ADDITIVE]), count)[r]
                if scale > float32(0):
                    row[MULTIPLY], row[ADD] = 0, rates[at_row] * scale
            at_row += 1


def move(entries: list["Entry"], tiny: float) -> None:
    """Update contiguous float32 parameters on the CPU by one step, in place, for ``lr * gradient_bound`` < 80."""
    tensors = np.zeros((len(entries), 8), np.int64)
    settings = np.empty((len(entries), 2))
    usable, rates = [], []
    for line, values, each in zip(tensors, settings, entries, strict=True):
        state, group, rows = each.state, each.group, each.usable.numel()
        line[:] = (
            each.parameter.data_ptr(),
            each.gradient.data_ptr(),
            state["second_moment"].data_ptr(),
            state["step"].data_ptr(),
            state["bound"].data_ptr(),
            state["additive"].data_ptr() if "additive" in state else 0,
            rows,
            each.parameter.numel() // rows,
        )
        values[:] = (group["beta"], group["gradient_bound"])
        rate = rates_of(group["lr"], each.leading)
        sign = -1.0 if group["maximize"] else 1.0
        rates.append(np.full(rows, sign) * (rate.numpy().reshape(-1) if isinstance(rate, Tensor) else rate))
        usable.append(each.usable.numpy().reshape(-1))
    rows = np.empty((sum(map(len, usable)), 7), np.float32)
    _prepare(tensors, settings, np.concatenate(rates), np.concatenate(usable), rows)
    elements = int((tensors[:, ROWS] * tensors[:, SIZE]).sum())
    share(partial(_move_share, tensors, rows, np.float32(tiny)), elements, NANOSECONDS)
