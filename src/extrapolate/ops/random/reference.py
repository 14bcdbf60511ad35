"""Threefry-2x32, 20 rounds (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3")."""

import torch
from torch import Tensor

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
PARITY = 0x1BD11BDA
WORD = 0xFFFFFFFF


def _rotate_left(word: Tensor, bits: int) -> Tensor:
    return ((word << bits) | (word >> (32 - bits))) & WORD


def threefry2x32(key: tuple[Tensor, Tensor], counter: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Encrypt two counter words with two key words; all are int64 tensors of 32-bit values."""
    schedule = (key[0], key[1], key[0] ^ key[1] ^ PARITY)
    x0 = (counter[0] + schedule[0]) & WORD
    x1 = (counter[1] + schedule[1]) & WORD
    for group in range(5):
        for bits in ROTATIONS[group % 2]:
            x0 = (x0 + x1) & WORD
            x1 = _rotate_left(x1, bits) ^ x0
        x0 = (x0 + schedule[(group + 1) % 3]) & WORD
        x1 = (x1 + schedule[(group + 2) % 3] + group + 1) & WORD
    return x0, x1


def uniform(key: Tensor, count: int) -> Tensor:
    """Return ``count`` float32 numbers in [0, 1) per key, (..., count). key: int64 (..., 3).

    Number ``i`` of the first half and number ``i`` of the second half are the two words of counter ``(step, i)``
    under the key ``(seed, stream)``. A number is the upper 24 bits of its word, divided by 2^24.
    """
    half = (count + 1) // 2
    seed, stream, step = (word.unsqueeze(-1) & WORD for word in key.unbind(-1))
    index = torch.arange(half, dtype=torch.int64, device=key.device)
    words = threefry2x32((seed, stream), (step, index))
    return (torch.cat(words, -1)[..., :count] >> 8).to(torch.float32) * 2.0**-24
