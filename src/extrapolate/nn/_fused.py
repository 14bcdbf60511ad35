"""What layers with kernels of their own share: when these serve, and gradients through the definition instead."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

#: A layer's plain computation, whose outputs its kernels give too.
Definition = Callable[..., Any]


def usable(x: Tensor) -> bool:
    """Whether the kernels take this input, and nothing wants to look inside the computation."""
    plain = x.device.type == "cpu" and x.dtype == torch.float32 and x.numel() > 0
    if not plain or torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active():
        return False
    try:
        import numba  # noqa: F401  (it compiles the kernels)
    except ImportError:
        return False
    return True


def gradient(
    definition: Definition, inputs: tuple[Tensor, ...], errors: tuple[Tensor, ...]
) -> list[Tensor | None]:
    """The gradients of those ``inputs`` that want one, through the definition: they can be differentiated again."""
    wanted = [each for each in inputs if each.requires_grad]
    found = iter(torch.autograd.grad(definition(*inputs), wanted, errors, create_graph=True))
    return [next(found) if each.requires_grad else None for each in inputs]
