"""One learning rate per replica, for optimizers that support only one."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


class PerReplica(Optimizer):
    """Wraps an optimizer so that each replica (one of R models, stacked in one tensor) has its own learning rate.

    Args:
        params: parameters stacked on a leading axis, (R, ...).
        lr: the learning rates, (R,).
        make: makes the wrapped optimizer from the parameters. Its learning rate must be 1. Its step must be
            elementwise, proportional to its learning rate, and independent of the parameters' values (no weight
            decay).

    Up to rounding, the steps are those of R optimizers with these learning rates.

    Raises:
        ValueError: the wrapped optimizer's learning rate is not 1, or it has weight decay.
    """

    def __init__(self, params: list[Tensor], lr: Tensor, make: Callable[[list[Tensor]], Optimizer]) -> None:
        super().__init__(params, {"lr": lr})
        self._inner = make(params)
        if any(group["lr"] != 1 or group.get("weight_decay") for group in self._inner.param_groups):
            raise ValueError("PerReplica needs an optimizer with lr=1 and no weight decay")
        self.state = self._inner.state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self._inner.state = self.state

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Take one step with the current gradients."""
        (group,) = self.param_groups
        before = [each.clone() for each in group["params"]]
        for each in group["params"]:
            each.zero_()  # the parameters then hold exactly the step
        self._inner.step()
        for each, value in zip(group["params"], before, strict=True):
            rates = group["lr"].to(each).view(-1, *[1] * (each.dim() - 1))
            each.mul_(rates).add_(value)
