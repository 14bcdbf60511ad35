"""What a module declares about its training, and the functions with which a training loop respects it.

A unit declares a **box** for its parameters (clamp them to it after every optimizer step), a **penalty** (add it to
the loss, times a scale) and a ``key`` for its **random numbers**. The functions here collect these from a whole
model, so your own training loop needs two more lines::

    loss = criterion(model(x), y) + 10.0 * nn.penalty(model)
    loss.backward(); optimizer.step(); nn.clamp_to_box_(model)
"""

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

Box = tuple[float, float]


@runtime_checkable
class Boxed(Protocol):
    """A module with bounded parameters: ``box`` maps a parameter's name to (low, high)."""

    box: dict[str, Box]


@runtime_checkable
class Penalised(Protocol):
    """A module with a sparsity penalty: a scalar that falls as the weights approach exact ones."""

    def penalty(self) -> Tensor: ...


@runtime_checkable
class Arithmetic(Protocol):
    """A unit whose effective weights (O, I) tell which inputs an output uses, and how."""

    operations: frozenset[str]

    def effective_weight(self) -> Tensor: ...


def boxes(module: nn.Module) -> Iterator[tuple[str, Box]]:
    """Yield the full name and the box of every boxed parameter in ``module``."""
    for prefix, part in module.named_modules():
        if isinstance(part, Boxed):
            for name, box in part.box.items():
                yield (f"{prefix}.{name}" if prefix else name), box


@torch.no_grad()
def clamp_to_box_(module: nn.Module) -> None:
    """Clamp every parameter of ``module`` that has an allowed interval (its box) to that interval, in place."""
    for name, (low, high) in boxes(module):
        module.get_parameter(name).clamp_(low, high)


def penalty(module: nn.Module) -> Tensor | float:
    """Return the sum of the penalties that submodules define, not multiplied by a coefficient; 0.0 without any."""
    return sum((part.penalty() for part in module.modules() if isinstance(part, Penalised)), start=0.0)


def key_names(module: nn.Module) -> list[str]:
    """Return the full names of all ``key`` buffers: one per submodule that samples random numbers."""
    return [f"{prefix}.key" if prefix else "key" for prefix, part in module.named_modules() if "key" in part._buffers]
