"""Nonlinearities that reach their limits exactly, so that a network can keep a state for thousands of steps."""

from dataclasses import dataclass

import torch
from torch import Tensor

#: The diagonal Neural GPU penalises preactivations above this magnitude, just inside the kinks at -1 and 1.
SATURATED = 0.9


def hard_tanh(x: Tensor) -> Tensor:
    """Return clip(x, -1, 1)."""
    return x.clamp(-1.0, 1.0)


def hard_sigmoid(x: Tensor) -> Tensor:
    """Return clip((x + 1)/2, 0, 1): slope 1/2 and kinks at -1 and 1, unlike ``torch.nn.Hardsigmoid``."""
    return (0.5 * x + 0.5).clamp(0.0, 1.0)


def cutoff_sigmoid(x: Tensor, cutoff: float = 1.2) -> Tensor:
    """Return clip(κ σ(x) - (κ - 1)/2, 0, 1), κ = ``cutoff``: exactly 0 or 1 where |x| ≥ ln 11 for κ = 1.2.

    Source: Kaiser & Sutskever 2016 (arXiv 1511.08228).
    """
    return (cutoff * torch.sigmoid(x) - (cutoff - 1) / 2).clamp(0.0, 1.0)


def saturation(x: Tensor) -> Tensor:
    """Return Σ max(0, |x| - 0.9) over the last axis: how far preactivations leave the range where gradients flow."""
    return (x.abs() - SATURATED).clamp_min(0.0).sum(-1)


@dataclass(frozen=True)
class Grid:
    """Grid of multiples of 1/``quantization_levels``, to which numbers are rounded.

    ``share``: fraction of the distance to the nearest multiple that a number moves, 0 to 1.
    """

    quantization_levels: int
    share: float | Tensor = 1.0

    def round(self, x: Tensor) -> Tensor:
        """Return x moved towards the grid; gradients pass unchanged (straight-through)."""
        return (
            x
            + (self.share * (torch.floor(x * self.quantization_levels + 0.5) / self.quantization_levels - x)).detach()
        )
