"""Numbers in few bits: weights as a sign and an integer logarithm, second moments as floats without a sign."""

import math
from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

#: Bits of a word (a sign and an exponent) and how many words fill whole bytes together.
WORDS_A_GROUP = {8: 1, 10: 4, 12: 2, 16: 1}

#: Bits of a float32 that a second moment is stored without; the sign, always plus, goes as well.
DROPPED = 15


def count_codes(bits: int) -> int:
    """How many exponents a word has: one bit is the sign."""
    return 1 << (bits - 1)


def packed_length(count: int, bits: int) -> int:
    """Bytes that ``count`` words take."""
    group = WORDS_A_GROUP[bits]
    return -(-count // group) * group * bits // 8


def pack(words: Tensor, bits: int) -> Tensor:
    """Words of ``bits`` bits, int64 (R, n), end to end in bytes, lowest bits first: uint8 (R, bytes)."""
    group = WORDS_A_GROUP[bits]
    missing = -words.shape[1] % group
    grouped = torch.nn.functional.pad(words, (0, missing)).reshape(words.shape[0], -1, group)
    places = torch.arange(group, device=words.device) * bits
    joined = (grouped << places).sum(-1, keepdim=True)
    shifts = torch.arange(group * bits // 8, device=words.device) * 8
    return ((joined >> shifts) & 0xFF).to(torch.uint8).flatten(1)


def unpack(packed: Tensor, bits: int, count: int) -> Tensor:
    """The inverse of :func:`pack`: int64 (R, count)."""
    group = WORDS_A_GROUP[bits]
    size = group * bits // 8
    grouped = packed.long().reshape(packed.shape[0], -1, size)
    joined = (grouped << (torch.arange(size, device=packed.device) * 8)).sum(-1, keepdim=True)
    words = (joined >> (torch.arange(group, device=packed.device) * bits)) & ((1 << bits) - 1)
    return words.flatten(1)[:, :count]


@lru_cache(maxsize=16)
def magnitudes(base: float, bits: int, device: torch.device) -> Tensor:
    """exp(−base·k) for every exponent k, float32."""
    exponents = torch.arange(count_codes(bits), dtype=torch.float64, device=device)
    return torch.exp(-base * exponents).float()


def encode(values: Tensor, bound: Tensor, base: float, bits: int) -> Tensor:
    """The words nearest to ``values`` (R, n) in ratio; zero, which has no word, becomes the smallest."""
    exponents = torch.log(bound[:, None].double() / values.abs().double()) / base
    exponents = torch.nan_to_num(exponents.round(), nan=0.0).clamp(0, count_codes(bits) - 1).long()
    return exponents | ((values < 0).long() << (bits - 1))


def decode(words: Tensor, bound: Tensor, base: float, bits: int) -> Tensor:
    """``sign · bound · exp(−base·k)``, float32 (R, n)."""
    exponents = words & (count_codes(bits) - 1)
    signs = 1.0 - 2.0 * (words >> (bits - 1)).float()
    return magnitudes(base, bits, words.device)[exponents] * bound[:, None] * signs


def unpack_floats(packed: Tensor, bound: Tensor, base: float, bits: int, shape: Sequence[int]) -> Tensor:
    """The values of packed words (leading, bytes) with their bounds (leading): float32 of ``shape``."""
    models = bound.numel()
    words = unpack(packed.reshape(models, -1), bits, math.prod(shape) // models)
    return decode(words, bound.reshape(-1), base, bits).reshape(tuple(shape))


def shorten(values: Tensor, draws: Tensor) -> Tensor:
    """Non-negative float32 as 16 bits (int16), rounded up or down at random so that the mean is right.

    Eight bits of exponent, eight of mantissa. Nearest rounding would lose every decay by less than 0.2 %.
    ``draws``: random words of at least 15 bits.
    """
    whole = values.view(torch.int32) + (draws & ((1 << DROPPED) - 1)).int()
    return (whole >> DROPPED).to(torch.int16)


def lengthen(short: Tensor) -> Tensor:
    """The float32 of :func:`shorten`'s 16 bits."""
    return ((short.int() & 0xFFFF) << DROPPED).view(torch.float32)


def base_for(span: float, bits: int) -> float:
    """The distance of neighbouring words in log space when the largest is ``span`` times the smallest."""
    return math.log(span) / (count_codes(bits) - 1)
