"""Optimizers stepped with given gradients, and their states written and read back."""

import io
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor


def steps(optimizer: torch.optim.Optimizer, params: Sequence[Tensor], gradients: Iterable[Any]) -> None:
    """A step with each of ``gradients``: a list of one gradient a parameter."""
    for each in gradients:
        for parameter, gradient in zip(params, each, strict=True):
            parameter.grad = gradient
        optimizer.step()


def moved(
    make: Callable[..., torch.optim.Optimizer], start: Tensor, gradients: Iterable[Tensor], **settings: Any
) -> Tensor:
    """``start`` after a step with each of ``gradients``."""
    weight = start.clone()
    steps(make([weight], **settings), [weight], [[each.clone()] for each in gradients])
    return weight


def through_a_file(state: dict[str, Any]) -> dict[str, Any]:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)
