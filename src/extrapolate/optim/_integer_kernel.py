"""The CPU kernel of IntegerMadam: one pass over codes, second moments and gradients, compiled by numba.

For each chunk of words, the kernel unpacks it, computes the step of ``_integer_definition.move``, packs it again,
and decodes it if the parameter holds floats.
"""

# pyright: reportIndexIssue=false, reportCallIssue=false, reportArgumentType=false, reportOperatorIssue=false
# (numba's decorated functions and type objects carry no useful static types)

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from numba import float32, int32, njit, uint8, uint16, uint32
from torch import Tensor

from extrapolate._runtime.threads import share
from extrapolate.optim import _codes
from extrapolate.optim._formulas import correction, rates_of, tiny
from extrapolate.optim._words import SECOND, STEP, STREAM

if TYPE_CHECKING:
    from extrapolate.optim._step import Entry

#: Words per chunk: whole bytes for every number of bits, and buffers that fit in the fastest cache.
CHUNK = 1024

#: Time per word on one thread.
NANOSECONDS = 2.5

#: Columns of the settings, float32.
TAKE, LARGEST, TINY = range(3)

DROPPED = _codes.DROPPED


@njit(inline="always")
def _mix(x):
    x = uint32(uint32(x ^ uint32(x >> uint32(16))) * uint32(0x85EBCA6B))
    x = uint32(uint32(x ^ uint32(x >> uint32(13))) * uint32(0xC2B2AE35))
    return uint32(x ^ uint32(x >> uint32(16)))


@njit(nogil=True, cache=True)
def _keys(seeds, stream, steps):
    """Return ``_words.keys`` for step counts that include the current step."""
    keys = np.empty((seeds.shape[0], 2), np.uint32)
    for r in range(seeds.shape[0]):
        key = _mix(uint32(_mix(uint32(seeds[r])) + uint32(stream * STREAM)))
        key = _mix(uint32(key + uint32(uint32(steps[r]) * uint32(STEP))))
        keys[r] = key, _mix(uint32(key + uint32(SECOND)))
    return keys


@njit(nogil=True, cache=True)
def _unpack(packed, bits, words):
    mask = int32((1 << bits) - 1)
    for i in range(words.shape[0]):
        at, shift = (i * bits) >> 3, (i * bits) & 7
        both = int32(packed[at])
        if bits > 8:
            both |= int32(packed[at + 1]) << 8
        words[i] = (both >> shift) & mask


@njit(nogil=True, cache=True)
def _pack(words, bits, packed):
    packed[:] = 0
    for i in range(words.shape[0]):
        at, shift = (i * bits) >> 3, (i * bits) & 7
        both = words[i] << shift
        packed[at] |= uint8(both & 0xFF)
        if bits > 8:
            packed[at + 1] |= uint8(both >> 8)


@njit(nogil=True, cache=True, error_model="numpy")
def _move_words(words, bits, second, gradient, first, keys, correction, factor, settings, stochastic):
    top = int32(1 << (bits - 1))
    take, largest, tiny = settings[TAKE], settings[LARGEST], settings[TINY]
    for i in range(words.shape[0]):
        draw = _mix(_mix(uint32(first + i) ^ keys[0]) ^ keys[1])
        g = gradient[i]
        old = np.int32(int32(second[i]) << int32(DROPPED)).view(np.float32)
        moment = old + take * (g * g - old)
        whole = np.uint32(np.float32(moment).view(np.uint32) + uint32(draw & uint32((1 << DROPPED) - 1)))
        second[i] = uint16(whole >> uint32(DROPPED))
        root = np.sqrt(moment / correction)
        step = g / (root if root > tiny else tiny)
        step = step if step < largest else largest
        step = (step if step > -largest else -largest) * factor
        if stochastic:
            step = np.floor(step + float32(int32(draw >> uint32(DROPPED))) * float32(2.0**-17))
        else:
            step = np.rint(step)
        sign = words[i] & top
        # clip before the conversion to an integer, which must not overflow
        limit = float32(top)
        step = step if step < limit else limit
        levels = int32(step if step > -limit else -limit)
        exponent = (words[i] & (top - 1)) + (-levels if sign else levels)
        words[i] = min(max(exponent, 0), top - 1) | sign


@njit(nogil=True, cache=True)
def _decode(words, bits, bound, table, weight):
    top = int32(1 << (bits - 1))
    for i in range(words.shape[0]):
        size = table[words[i] & (top - 1)] * bound
        weight[i] = -size if words[i] & top else size


@njit(nogil=True, cache=True)
def _move_share(
    codes, second, gradient, weight, keys, corrections, factors, usable, bound, bits, settings, table, random,
    begin, stop,
):  # fmt: skip
    """Update chunks ``begin`` to ``stop`` of all rows, numbered consecutively.

    Without columns in ``weight``, no floats are decoded.
    """
    count = gradient.shape[1]
    chunks_per_row = (count + CHUNK - 1) // CHUNK
    buffer = np.empty(CHUNK, np.int32)
    for chunk in range(begin, stop):
        r, low = chunk // chunks_per_row, (chunk % chunks_per_row) * CHUNK
        if not usable[r]:
            continue
        high = min(low + CHUNK, count)
        words = buffer[: high - low]
        end = codes.shape[1] if high == count else high * bits // 8
        packed = codes[r, low * bits // 8 : end]
        _unpack(packed, bits, words)
        _move_words(
            words, bits, second[r, low:high], gradient[r, low:high], low, keys[r], corrections[r], factors[r],
            settings, random,
        )  # fmt: skip
        _pack(words, bits, packed)
        if weight.shape[1]:
            _decode(words, bits, bound[r], table, weight[r, low:high])


def move(entry: "Entry", base: float, *, decode: bool) -> None:
    """Update one contiguous parameter by one step, in place.

    ``decode``: also write the new floats into the parameter.
    """
    state, group, bits = entry.state, entry.group, entry.group["bits"]
    rows = entry.usable.numel()
    count = entry.parameter.numel() // rows
    state["step"].add_(entry.usable)
    factors = np.empty(rows, np.float32)
    rate = rates_of(group["lr"], entry.leading)
    factors[:] = (rate.numpy().reshape(-1) if isinstance(rate, Tensor) else rate) / base
    factors *= -1 if group["maximize"] else 1
    settings = np.array([1 - group["beta"], group["gradient_bound"], tiny(torch.float32)], np.float32)
    weights = entry.parameter.detach().numpy().reshape(rows, count) if decode else np.empty((rows, 0), np.float32)
    chunks = rows * -(-count // CHUNK)
    update = partial(
        _move_share,
        state["codes"].numpy().reshape(rows, -1),
        state["second_moment"].numpy().view(np.uint16).reshape(rows, count),
        entry.gradient.detach().numpy().reshape(rows, count),
        weights,
        _keys(state["seed"].numpy().reshape(rows), entry.position, state["step"].numpy().reshape(rows)),
        correction(state["step"], group["beta"]).numpy().reshape(rows),
        factors,
        entry.usable.numpy().reshape(rows),
        state["bound"].numpy().reshape(rows),
        bits,
        settings,
        _codes.magnitudes(base, bits, torch.device("cpu")).numpy(),
        group["rounding"] == "stochastic",
    )
    share(update, chunks, CHUNK * NANOSECONDS)
