"""Published initialisations (Trask et al. 2018; Madsen & Johansen 2020 and their code)."""

import math
from functools import cache

import torch
from torch import Tensor, nn


def _nac_weight_variance(r: float) -> float:
    """Return the variance of tanh(a)·σ(b) with a, b ~ U(-r, r)."""
    return (1 - math.tanh(r) / r) * (r - math.tanh(r / 2)) / (2 * r)


@cache
def nac_range(in_features: int, out_features: int) -> float:
    """Return r with (fan_in + fan_out)·Var(r) = 2. A fan sum below 5 counts as 5, since no r solves it."""
    fan = max(5, in_features + out_features)
    low, high = 1e-3, 20.0  # the variance grows with r: bisect until no float lies between the bounds
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if fan * _nac_weight_variance(middle) < 2 else (low, middle)
    return high


def nac_(hat: Tensor) -> Tensor:
    """Fill one of the NAC's two weights, (O, I), from U(-r, r) with r of :func:`nac_range`."""
    r = nac_range(hat.shape[1], hat.shape[0])
    return nn.init.uniform_(hat, -r, r)


def nau_(weight: Tensor) -> Tensor:
    """Fill a weight (O, I) in the box [-1, 1] from U(-r, r), r = min(0.5, sqrt(6 / (I + O)))."""
    r = min(0.5, math.sqrt(6.0 / sum(weight.shape)))
    return nn.init.uniform_(weight, -r, r)


def nmu_(weight: Tensor) -> Tensor:
    """Fill from U(0.25, 0.75), centred in the box [0, 1]: E[1 - W] = E[W] keeps the product's mean."""
    return nn.init.uniform_(weight, 0.25, 0.75)


def mnac_(hat: Tensor) -> Tensor:
    """Fill the logits of a weight in (0, 1) from U(-r, r), r = sqrt(3)/2."""
    r = math.sqrt(3.0) / 2
    return nn.init.uniform_(hat, -r, r)


@torch.no_grad()
def orthogonal_(tensor: Tensor) -> Tensor:
    """Make the rows or columns, whichever are fewer, orthonormal; in float32, as bfloat16 has no QR."""
    values = nn.init.orthogonal_(torch.empty(tensor.shape, dtype=torch.float32))
    return tensor.copy_(values)


@torch.no_grad()
def junction_(logits: Tensor) -> Tensor:
    """Fill with the identity if square, else with an orthogonal matrix (code of Hoedt et al. 2021)."""
    return nn.init.eye_(logits) if logits.shape[0] == logits.shape[1] else orthogonal_(logits)
