"""Random words as a pure function of (seed, stream, step, index): a resumed training samples the same words.

Two rounds of MurmurHash3's finalizer (Appleby, public domain) are applied to the index, with a key from the other
three. This is much cheaper than a cipher, and good enough to round an optimizer's state.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

_WORD = 0xFFFFFFFF
STREAM, STEP, SECOND = 0x9E3779B9, 0x85157AF5, 0x632BE59B  # odd: no two streams or steps coincide


def _times(x: Tensor, factor: int) -> Tensor:
    """Return ``x * factor`` modulo 2**32, from two halves: the whole product would overflow int64."""
    high = ((x * (factor >> 16)) & 0xFFFF) << 16
    return (high + x * (factor & 0xFFFF)) & _WORD


def _mix(x: Tensor) -> Tensor:
    x = _times(x ^ (x >> 16), 0x85EBCA6B)
    x = _times(x ^ (x >> 13), 0xC2B2AE35)
    return x ^ (x >> 16)


def seeds_of(seed: int | Sequence[int], replicas: int) -> Tensor:
    """Return one seed per replica, int64 (replicas,). An integer s means s, s + 1, ...

    Raises:
        ValueError: the number of seeds is not the number of replicas.
    """
    seeds = range(seed, seed + replicas) if isinstance(seed, int) else seed
    if len(seeds) != replicas:
        raise ValueError(f"Invalid seed: {replicas} replicas need {replicas} seeds, got {len(seeds)}")
    return torch.tensor(list(seeds), dtype=torch.int64)


def keys(seeds: Tensor, stream: int, steps: Tensor) -> Tensor:
    """Return the keys of :func:`words`, int64 (R, 2), from ``seeds`` and ``steps`` (R,), int64, modulo 2**32."""
    key = _mix((_mix(seeds & _WORD) + stream * STREAM) & _WORD)
    key = _mix((key + _times(steps & _WORD, STEP)) & _WORD)
    return torch.stack([key, _mix((key + SECOND) & _WORD)], -1)


def words(keys: Tensor, count: int) -> Tensor:
    """Return random words in [0, 2**32), int64 (R, count), for ``keys`` (R, 2)."""
    index = torch.arange(count, device=keys.device)
    return _mix(_mix(index ^ keys[:, :1]) ^ keys[:, 1:])
