"""The registered operator: one call under eager, ``torch.compile`` and ``vmap``, on any device."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from extrapolate._runtime.compiler import numba_is_installed
from extrapolate.ops.random import reference

# Low-level registration: a call takes a tenth of the 150 µs of torch.library.custom_op.
_library = torch.library.Library("extrapolate", "DEF")
_library.define("uniform(Tensor key, int count) -> Tensor")


def _uniform_cpu(key: Tensor, count: int) -> Tensor:
    if not numba_is_installed():
        return reference.uniform(key, count)
    from extrapolate.ops.random import cpu  # the kernel's compiler is a slow import

    rows = key.reshape(-1, 3).numpy()
    return torch.from_numpy(cpu.uniform(rows, count)).view(*key.shape[:-1], count)


_library.impl("uniform", _uniform_cpu, "CPU")
_library.impl("uniform", reference.uniform, "CUDA")


def _uniform_fake(key: Tensor, count: int) -> Tensor:
    return key.new_empty((*key.shape[:-1], count), dtype=torch.float32)


torch.library.register_fake("extrapolate::uniform", _uniform_fake, lib=_library)


def _uniform_vmap(info: object, in_dims: tuple[int, None], key: Tensor, count: int) -> tuple[Tensor, int]:
    return torch.ops.extrapolate.uniform(key.movedim(in_dims[0], 0), count), 0


torch.library.register_vmap("extrapolate::uniform", _uniform_vmap, lib=_library)


def uniform(key: Tensor, shape: Sequence[int]) -> Tensor:
    """Sample uniform float32 numbers in [0, 1), a pure function of ``key``.

    Args:
        key: int64 tensor (..., 3) of ``seed, stream, step``, each used modulo 2**32. Different streams of
            one seed are independent (data, the noise of each layer, ...); so are different steps.
        shape: shape of the tensor that is sampled for each key; at most 2**33 numbers.

    Returns:
        A tensor (..., *shape).

    Raises:
        ValueError: ``key`` has another shape or dtype.

    Under ``vmap`` over keys each replica gets the numbers of its own key; they do not depend on the other keys.
    """
    if key.shape[-1:] != (3,) or key.dtype != torch.int64:
        raise ValueError(f"key must be an int64 tensor of shape (..., 3), got {key.dtype} {tuple(key.shape)}")
    return torch.ops.extrapolate.uniform(key, math.prod(shape)).reshape((*key.shape[:-1], *shape))


def uniform_like(key: Tensor, x: Tensor) -> Tensor:
    """Sample uniform numbers in [0, 1) of the shape and dtype of ``x``; the values of one feature are contiguous.

    In memory the last axis (the features) varies slowest. A compiled step with few features can then use the
    processor's vector instructions over the batch: with two features it is about six times faster than with the usual
    layout. For dtypes less precise than float32 the numbers are rounded to nearest; a number that would round to 1 is
    the largest one below 1.
    """
    numbers = uniform(key, (x.shape[-1], *x.shape[:-1])).to(x.dtype)
    eps = torch.finfo(x.dtype).eps
    if eps > torch.finfo(torch.float32).eps:
        numbers = numbers.clamp_max(1 - eps / 2)
    return numbers.movedim(0, -1)
