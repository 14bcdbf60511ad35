"""Tensor functions shared by the units."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

#: Up to this many inputs, :func:`linear` uses elementwise products, which a compiler fuses with the operations around
#: them. A matrix product of this size takes four times as long, because of its overhead.
NARROW = 8

#: The ε of the units that divide or take powers, for every dtype: float32's machine epsilon, as in the papers' code.
FLOAT32_EPSILON = torch.finfo(torch.float32).eps

#: Weight of a gate's penalty relative to that of weights: the published scales are 1 and 10, on one schedule.
GATE_SHARE = 0.1


def linear(x: Tensor, weight: Tensor) -> Tensor:
    """Return ``x @ weight.T`` for x (..., I) and weight (O, I)."""
    in_features = weight.shape[-1]
    if in_features > NARROW:
        return F.linear(x, weight)
    terms = [x[..., i, None] * weight[:, i] for i in range(in_features)]
    return torch.stack(terms).sum(0) if len(terms) > 2 else sum(terms[1:], start=terms[0])


def product(factors: Tensor) -> Tensor:
    """Return the product over the last axis, computed pairwise: (..., I) to (...,).

    The gradient of a factor is the product of all others. Pairwise multiplication computes it without division, so
    zeros are allowed, in log2(I) operations. Rounding errors also grow with log2(I) instead of I.
    """
    while factors.shape[-1] > 1:
        half = factors.shape[-1] // 2
        pairs = factors[..., :half] * factors[..., half : 2 * half]
        rest = factors[..., 2 * half :]
        factors = torch.cat([pairs, rest], -1) if rest.shape[-1] else pairs
    return factors[..., 0]


def gated_product(x: Tensor, weight: Tensor) -> Tensor:
    """Return y_o = Π_i (W_oi x_i + 1 - W_oi) for x (..., I), weight (O, I): Madsen & Johansen 2020."""
    return product(x.unsqueeze(-2) * weight + (1 - weight))


def log_magnitude(x: Tensor, epsilon: float = 1e-7) -> Tensor:
    """Return log(|x| + ε): here the units that multiply in log space lose the sign of x."""
    return torch.log(x.abs() + epsilon)


def phase(x: Tensor) -> Tensor:
    """Return π where x is negative, else 0: the angle of x as a complex number."""
    return math.pi * (x < 0).to(x.dtype)


def gated_signs(x: Tensor, weight: Tensor) -> Tensor:
    """Return Π_i (sign(x_i)·|W_oi| + 1 - |W_oi|), the sign of Π_i x_i^W_oi: Schlör et al. 2020."""
    return gated_product(torch.sign(x), weight.abs())


def distance_to_trit(weight: Tensor) -> Tensor:
    """Return each weight's distance from the nearest of -1, 0, 1 (for weights in [-1, 1])."""
    magnitude = weight.abs()
    return torch.minimum(magnitude, (1 - magnitude).abs())


def distance_to_bit(weight: Tensor) -> Tensor:
    """Return each weight's distance from the nearest of 0, 1 (for weights in [0, 1])."""
    return torch.minimum(weight.abs(), (1 - weight).abs())
