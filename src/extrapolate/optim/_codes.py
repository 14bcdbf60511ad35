"""Numbers in few bits: weights as a sign and an integer logarithm, second moments as floats without sign bit."""

import math
from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

#: Number of words that fill whole bytes, by the bits per word (a sign and an exponent).
WORDS_PER_GROUP = {8: 1, 10: 4, 12: 2, 16: 1}

#: Lowest bits of a float32 that are not stored for a second moment. Its sign bit is not stored either.
DROPPED = 15


def count_codes(bits: int) -> int:
    """Return the number of exponents of a word. One bit is the sign."""
    return 1 << (bits - 1)


def packed_length(count: int, bits: int) -> int:
    """Return the number of bytes of ``count`` words."""
    group = WORDS_PER_GROUP[bits]
    return -(-count // group) * group * bits // 8


def pack(words: Tensor, bits: int) -> Tensor:
    """Pack words of ``bits`` bits, int64 (R, n), into consecutive bytes, lowest bits first: uint8 (R, bytes)."""
    group = WORDS_PER_GROUP[bits]
    missing = -words.shape[1] % group
    grouped = torch.nn.functional.pad(words, (0, missing)).reshape(words.shape[0], -1, group)
    offsets = torch.arange(group, device=words.device) * bits
    joined = (grouped << offsets).sum(-1, keepdim=True)
    shifts = torch.arange(group * bits // 8, device=words.device) * 8
    return ((joined >> shifts) & 0xFF).to(torch.uint8).flatten(1)


def unpack(packed: Tensor, bits: int, count: int) -> Tensor:
    """Invert :func:`pack`: returns int64 (R, count)."""
    group = WORDS_PER_GROUP[bits]
    size = group * bits // 8
    grouped = packed.long().reshape(packed.shape[0], -1, size)
    joined = (grouped << (torch.arange(size, device=packed.device) * 8)).sum(-1, keepdim=True)
    words = (joined >> (torch.arange(group, device=packed.device) * bits)) & ((1 << bits) - 1)
    return words.flatten(1)[:, :count]


@lru_cache(maxsize=16)
def magnitudes(base: float, bits: int, device: torch.device) -> Tensor:
    """Return exp(−base·k) for every exponent k, float32."""
    exponents = torch.arange(count_codes(bits), dtype=torch.float64, device=device)
    return torch.exp(-base * exponents).float()


def encode(values: Tensor, bound: Tensor, base: float, bits: int) -> Tensor:
    """Return the words whose logarithm is nearest to ``values`` (R, n). Zero gets the smallest word."""
    exponents = torch.log(bound[:, None].double() / values.abs().double()) / base
    exponents = torch.nan_to_num(exponents.round(), nan=0.0).clamp(0, count_codes(bits) - 1).long()
    return exponents | ((values < 0).long() << (bits - 1))


def decode(words: Tensor, bound: Tensor, base: float, bits: int) -> Tensor:
    """Return ``sign · bound · exp(−base·k)``, float32 (R, n)."""
    exponents = words & (count_codes(bits) - 1)
    signs = 1.0 - 2.0 * (words >> (bits - 1)).float()
    return magnitudes(base, bits, words.device)[exponents] * bound[:, None] * signs


def unpack_floats(packed: Tensor, bound: Tensor, base: float, bits: int, shape: Sequence[int]) -> Tensor:
    """Decode packed words (leading, bytes) with bounds (leading): float32 of ``shape``."""
    replicas = bound.numel()
    words = unpack(packed.reshape(replicas, -1), bits, math.prod(shape) // replicas)
    return decode(words, bound.reshape(-1), base, bits).reshape(tuple(shape))


def shorten(values: Tensor, random_words: Tensor) -> Tensor:
    """Round non-negative float32 to 16 bits (int16), up or down at random, so that the mean is correct.

    The 16 bits are 8 bits of exponent and 8 of mantissa. Nearest rounding would lose every decay by less than
    0.2 %. ``random_words``: at least 15 random bits each.
    """
    whole = values.view(torch.int32) + (random_words & ((1 << DROPPED) - 1)).int()
    return (whole >> DROPPED).to(torch.int16)


def lengthen(short: Tensor) -> Tensor:
    """Return the float32 value of the 16 bits of :func:`shorten`."""
    return ((short.int() & 0xFFFF) << DROPPED).view(torch.float32)


def base_for(span: float, bits: int) -> float:
    """Return the distance of neighbouring words in log space, if the largest is ``span`` times the smallest."""
    return math.log(span) / (count_codes(bits) - 1)
