"""Bounds on a replica's gradients."""

import math
from dataclasses import dataclass

import torch

from extrapolate.training.replicas import State


@dataclass(frozen=True)
class Clip:
    """Limits one replica's gradients: first their total norm, then each value.

    Args:
        norm: the largest norm of all gradients of the replica together. Default: no limit.
        value: the largest absolute value of each gradient entry. Default: no limit.

    Raises:
        ValueError: a limit is not above 0.
    """

    norm: float = math.inf
    value: float = math.inf

    def __post_init__(self) -> None:
        if not (self.norm > 0 and self.value > 0):
            raise ValueError(f"clip: norm={self.norm} and value={self.value} must be above 0")

    def __call__(self, gradients: State) -> State:
        """Clip the gradients of one replica. The loop maps this over all replicas."""
        if math.isfinite(self.norm):
            total = torch.stack([each.square().sum() for each in gradients.values()]).sum().sqrt()
            # 1e-6 as in torch: one replica is clipped as clip_grad_norm_ clips one module
            factor = (self.norm / (total + 1e-6)).clamp_max(1.0)
            gradients = {name: each * factor for name, each in gradients.items()}
        if math.isfinite(self.value):
            gradients = {name: each.clamp(-self.value, self.value) for name, each in gradients.items()}
        return gradients
