"""What a user hooks into a training."""

from typing import Protocol

import torch
from torch import Tensor

from extrapolate.training.replicas import Replicas


class Callback(Protocol):
    """An object with one or both of these methods; :func:`extrapolate.train` calls the ones it has.

    A resumed training does not repeat the calls of the steps that it has behind it.
    """

    def on_evaluation(self, step: int, metrics: dict[str, Tensor]) -> None:
        """``step`` steps are done; ``metrics`` (R,) each, with ``train_loss``, were just measured."""
        ...

    def after_step(self, step: int, replicas: Replicas, optimizer: torch.optim.Optimizer) -> None:
        """``step`` steps are done. Changes of the replicas' values, in place, are kept."""
        ...


class Callbacks:
    """The methods that some callbacks have."""

    def __init__(self, callbacks: tuple[object, ...]) -> None:
        names = ("on_evaluation", "after_step")
        for each in callbacks:
            if not any(callable(getattr(each, name, None)) for name in names):
                raise ValueError(f"callback {each!r} has neither on_evaluation nor after_step")
        self._calls = {
            name: [getattr(each, name) for each in callbacks if callable(getattr(each, name, None))] for name in names
        }

    def on_evaluation(self, step: int, metrics: dict[str, Tensor]) -> None:
        for call in self._calls["on_evaluation"]:
            call(step, metrics)

    def after_step(self, step: int, replicas: Replicas, optimizer: torch.optim.Optimizer) -> None:
        for call in self._calls["after_step"]:
            call(step, replicas, optimizer)
