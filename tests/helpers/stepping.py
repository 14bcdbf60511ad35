"""Optimizer steps with chosen gradients, and saving and loading of optimizer states."""

import io
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor


def steps(optimizer: torch.optim.Optimizer, params: Sequence[Tensor], gradients: Iterable[Any]) -> None:
    """Take one step per element of ``gradients``, a list with one gradient per parameter."""
    for each in gradients:
        for parameter, gradient in zip(params, each, strict=True):
            parameter.grad = gradient
        optimizer.step()


def moved(
    make: Callable[..., torch.optim.Optimizer], start: Tensor, gradients: Iterable[Tensor], **settings: Any
) -> Tensor:
    """Return ``start`` after one step per element of ``gradients``."""
    weight = start.clone()
    steps(make([weight], **settings), [weight], [[each.clone()] for each in gradients])
    return weight


def through_a_file(state: dict[str, Any]) -> dict[str, Any]:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)
