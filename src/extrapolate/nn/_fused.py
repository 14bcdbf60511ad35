"""Shared by layers with fused CPU kernels: when to use them, groups of sequences, second-order gradients."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from extrapolate._runtime.compiler import numba_is_installed
from extrapolate._runtime.threads import cut

#: A layer's computation in plain tensor operations; its kernels return the same outputs.
Definition = Callable[..., Any]


def usable(x: Tensor) -> bool:
    """Return whether the kernels support this input: float32 on a CPU, outside ``torch.compile`` and ``vmap``."""
    plain = x.device.type == "cpu" and x.dtype == torch.float32 and x.numel() > 0
    if not plain or torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active():
        return False
    return numba_is_installed()


def groups(count: int, least: float, nanoseconds: float) -> list[slice]:
    """Cut ``count`` sequences into groups that threads share; with one thread, return one group.

    One group takes up to a tenth less time than several in turn. With two or more threads, the groups do not depend
    on the number of threads.

    Args:
        least: minimum number of sequences in a group (fewer only if ``count`` is smaller).
        nanoseconds: time that one thread needs for one sequence.
    """
    if torch.get_num_threads() == 1:
        return [slice(0, count)]
    units = max(1, min(count, int(count / least)))
    edges = cut(units, nanoseconds * count / units)
    return [slice(count * start // units, count * stop // units) for start, stop in edges]


def gradient(definition: Definition, inputs: tuple[Tensor, ...], errors: tuple[Tensor, ...]) -> list[Tensor | None]:
    """Return gradients of the ``inputs`` through the definition, differentiable again; None if none is required."""
    differentiable = [each for each in inputs if each.requires_grad]
    gradients = iter(torch.autograd.grad(definition(*inputs), differentiable, errors, create_graph=True))
    return [next(gradients) if each.requires_grad else None for each in inputs]
