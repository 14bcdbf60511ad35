"""What a module states about its own training, and how any loop respects it.

A unit states a **box** its parameters live in (clamped after every optimizer step), a **penalty** (added to
the loss, times a scale the experiment chooses) and the **random numbers** it wants. The functions here
collect these from a whole model, so that a loop of your own needs two lines::

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
    """A module whose parameters live in a box; ``box`` maps the parameter's name to (low, high)."""

    box: dict[str, Box]


@runtime_checkable
class Penalised(Protocol):
    """A module with a sparsity penalty: a scalar, lower the nearer the weights are to exact ones."""

    def penalty(self) -> Tensor: ...


@runtime_checkable
class Arithmetic(Protocol):
    """A unit whose effective weights (O, I) say which inputs enter an output, and how."""

    operations: frozenset[str]

    def effective_weight(self) -> Tensor: ...


def boxes(module: nn.Module) -> Iterator[tuple[str, Box]]:
    """The full name and the box of every boxed parameter in ``module``."""
    for prefix, part in module.named_modules():
        if isinstance(part, Boxed):
            for name, box in part.box.items():
                yield (f"{prefix}.{name}" if prefix else name), box


@torch.no_grad()
def clamp_to_box_(module: nn.Module) -> None:
    """Puts every boxed parameter of ``module`` back into its box, in place."""
    for name, (low, high) in boxes(module):
        module.get_parameter(name).clamp_(low, high)


def penalty(module: nn.Module) -> Tensor | float:
    """The sum of the penalties stated in ``module``, unscaled; 0.0 where none is."""
    return sum((part.penalty() for part in module.modules() if isinstance(part, Penalised)), start=0.0)


def key_names(module: nn.Module) -> list[str]:
    """The full names of the ``key`` buffers: one for every part of ``module`` that draws random numbers."""
    return [f"{prefix}.key" if prefix else "key" for prefix, part in module.named_modules() if "key" in part._buffers]
