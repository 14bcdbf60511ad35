"""What layers with kernels of their own share: when these serve, groups of sequences, gradients by the definition."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from extrapolate._runtime.compiler import numba_is_installed
from extrapolate._runtime.threads import cut

#: A layer's plain computation, whose outputs its kernels give too.
Definition = Callable[..., Any]


def usable(x: Tensor) -> bool:
    """Whether the kernels take this input, and nothing wants to look inside the computation."""
    plain = x.device.type == "cpu" and x.dtype == torch.float32 and x.numel() > 0
    if not plain or torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active():
        return False
    return numba_is_installed()


def groups(count: int, least: float, nanoseconds: float) -> list[slice]:
    """Cut ``count`` sequences into groups for threads to share: all in one group where there is one thread.

    One group takes up to a tenth less time than several in turn. How many groups there are does not depend on the
    number of threads above one.

    Args:
        least: sequences of a group at the least, if there are as many.
        nanoseconds: what a sequence costs one thread.
    """
    if torch.get_num_threads() == 1:
        return [slice(0, count)]
    units = max(1, min(count, int(count / least)))
    edges = cut(units, nanoseconds * count / units)
    return [slice(count * start // units, count * stop // units) for start, stop in edges]


def gradient(definition: Definition, inputs: tuple[Tensor, ...], errors: tuple[Tensor, ...]) -> list[Tensor | None]:
    """The gradients of those ``inputs`` that want one, through the definition: they can be differentiated again."""
    wanted = [each for each in inputs if each.requires_grad]
    found = iter(torch.autograd.grad(definition(*inputs), wanted, errors, create_graph=True))
    return [next(found) if each.requires_grad else None for each in inputs]
