"""A learning rate for each of several stacked models, for optimizers that know one only."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


class PerReplica(Optimizer):
    """Another optimizer's steps, those of each replica scaled by a learning rate of its own.

    Args:
        params: parameters stacked on a leading axis, (R, ...).
        lr: the learning rates, (R,).
        make: makes the other optimizer of the parameters; its learning rate must be 1, its step must be elementwise,
            proportional to its rate, and must not depend on the parameters' values (no weight decay).

    The steps are those of R optimizers with these rates, to rounding.
    """

    def __init__(self, params: list[Tensor], lr: Tensor, make: Callable[[list[Tensor]], Optimizer]) -> None:
        super().__init__(params, {"lr": lr})
        self._inner = make(params)
        if any(group["lr"] != 1 or group.get("weight_decay") for group in self._inner.param_groups):
            raise ValueError("PerReplica scales the steps of an optimizer with lr=1 and no weight decay")
        self.state = self._inner.state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self._inner.state = self.state

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """One step from the gradients that are there."""
        (group,) = self.param_groups
        before = [each.clone() for each in group["params"]]
        for each in group["params"]:
            each.zero_()  # the step alone is left, to its last digit
        self._inner.step()
        for each, value in zip(group["params"], before, strict=True):
            rates = group["lr"].to(each).view(-1, *[1] * (each.dim() - 1))
            each.mul_(rates).add_(value)
