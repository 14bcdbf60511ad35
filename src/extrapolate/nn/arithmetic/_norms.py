"""Penalties that work for any module."""

import torch
from torch import Tensor, nn


def l1_norm(module: nn.Module) -> Tensor:
    """Return Σ |p| over all parameters of ``module``, a scalar: the published penalty of the neural power units."""
    return torch.stack([parameter.abs().sum() for parameter in module.parameters()]).sum()
