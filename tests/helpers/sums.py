"""Pairs of numbers and their sums, as tensors, as a task and as a loss; callbacks and loaders for tests."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor
from torch import nn as torch_nn
from torch.nn import functional as F

from extrapolate import ops

X = torch.linspace(-1, 1, 60).view(30, 2)
Y = X.sum(1, keepdim=True)


def mse(model: torch_nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return F.mse_loss(model(x), y)


class Sums:
    """A task: the sum of two numbers in [-1, 1)."""

    def sample(self, batch: int, key: Tensor) -> tuple[Tensor, Tensor]:
        x = 2 * ops.uniform(key, (batch, 2)) - 1
        return x, x.sum(1, keepdim=True)

    def splits(self) -> dict[str, tuple[Tensor, Tensor]]:
        return {"validation": (X, Y), "test": (10 * X, 10 * Y)}

    def solved(self, prediction: Tensor, target: Tensor) -> Tensor:
        return (prediction - target).abs() < 0.05


def mse_by_key(model: torch_nn.Module, key: Tensor) -> Tensor:
    return mse(model, *Sums().sample(16, key))


class Batches:
    """A loader that yields ``batches``."""

    def __init__(self, batches: list[Any]) -> None:
        self.batches = batches

    def __iter__(self) -> Iterator[Any]:
        return iter(self.batches)


def after_step(call: Callable[..., object]) -> Any:
    """Return a callback of ``train`` that calls ``call(step, replicas, optimizer)`` after every step."""
    return SimpleNamespace(after_step=call)
