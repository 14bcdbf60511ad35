"""Random words as a pure function of (seed, stream, step, index), so that a resumed training draws the same.

Two rounds of MurmurHash3's finalizer (Appleby, public domain) over the index, keyed by the rest: far cheaper
than a cipher, and rounding an optimizer's state needs no better.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

_WORD = 0xFFFFFFFF
STREAM, STEP, SECOND = 0x9E3779B9, 0x85157AF5, 0x632BE59B  # odd: no two streams or steps coincide


def _times(x: Tensor, factor: int) -> Tensor:
    """``x * factor`` modulo 2**32, by halves: the whole product would overflow int64."""
    high = ((x * (factor >> 16)) & 0xFFFF) << 16
    return (high + x * (factor & 0xFFFF)) & _WORD


def _mix(x: Tensor) -> Tensor:
    x = _times(x ^ (x >> 16), 0x85EBCA6B)
    x = _times(x ^ (x >> 13), 0xC2B2AE35)
    return x ^ (x >> 16)


def seeds_of(seed: int | Sequence[int], models: int) -> Tensor:
    """int64 (models,): an integer s stands for s, s + 1, ...

    Raises:
        ValueError: another number of seeds than of models.
    """
    seeds = range(seed, seed + models) if isinstance(seed, int) else seed
    if len(seeds) != models:
        raise ValueError(f"Invalid seed: {models} models need as many, got {len(seeds)}")
    return torch.tensor(list(seeds), dtype=torch.int64)


def keys(seeds: Tensor, stream: int, steps: Tensor) -> Tensor:
    """What words follow from, int64 (R, 2), for ``seeds`` and ``steps`` (R,), int64, used modulo 2**32."""
    key = _mix((_mix(seeds & _WORD) + stream * STREAM) & _WORD)
    key = _mix((key + _times(steps & _WORD, STEP)) & _WORD)
    return torch.stack([key, _mix((key + SECOND) & _WORD)], -1)


def words(keys: Tensor, count: int) -> Tensor:
    """Words in [0, 2**32), int64 (R, count), for each of ``keys`` (R, 2)."""
    index = torch.arange(count, device=keys.device)
    return _mix(_mix(index ^ keys[:, :1]) ^ keys[:, 1:])
