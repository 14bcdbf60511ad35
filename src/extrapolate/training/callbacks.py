"""Callbacks of a training."""

from typing import Protocol

import torch
from torch import Tensor

from extrapolate.training.replicas import Replicas


class Callback(Protocol):
    """An object with one or both of these methods, which :func:`extrapolate.train` calls.

    A resumed training does not repeat the calls of earlier steps.
    """

    def on_evaluation(self, step: int, metrics: dict[str, Tensor]) -> None:
        """Called after every evaluation. ``step`` steps are done; each metric, and ``train_loss``, is (R,)."""
        ...

    def after_step(self, step: int, replicas: Replicas, optimizer: torch.optim.Optimizer) -> None:
        """Called after every step. ``step`` steps are done. It may change the replicas' values in place."""
        ...


class Callbacks:
    """Calls the methods of several callbacks."""

    def __init__(self, callbacks: tuple[object, ...]) -> None:
        names = ("on_evaluation", "after_step")
        for each in callbacks:
            if not any(callable(getattr(each, name, None)) for name in names):
                raise ValueError(f"callback {each!r} must define on_evaluation or after_step")
        self._calls = {
            name: [getattr(each, name) for each in callbacks if callable(getattr(each, name, None))] for name in names
        }

    def on_evaluation(self, step: int, metrics: dict[str, Tensor]) -> None:
        for call in self._calls["on_evaluation"]:
            call(step, metrics)

    def after_step(self, step: int, replicas: Replicas, optimizer: torch.optim.Optimizer) -> None:
        for call in self._calls["after_step"]:
            call(step, replicas, optimizer)
