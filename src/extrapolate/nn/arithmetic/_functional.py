"""The few tensor functions that the units share."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

#: Up to this many inputs a product with the weight is written out, which a compiler fuses with what
#: stands around it; a matrix multiply of such a size costs four times more, all of it overhead.
NARROW = 8

#: The ε of the units that divide or take powers, at every dtype: float32's machine epsilon, as in their code.
FLOAT32_EPSILON = torch.finfo(torch.float32).eps

#: A gate's share of a penalty: the published scales are 10 for weights and 1 for gates, on one schedule.
GATE_SHARE = 0.1


def linear(x: Tensor, weight: Tensor) -> Tensor:
    """``x @ weight.T`` for x (..., I) and weight (O, I)."""
    in_features = weight.shape[-1]
    if in_features > NARROW:
        return F.linear(x, weight)
    terms = [x[..., i, None] * weight[:, i] for i in range(in_features)]
    return torch.stack(terms).sum(0) if len(terms) > 2 else sum(terms[1:], start=terms[0])


def product(factors: Tensor) -> Tensor:
    """The product over the last axis, taken pairwise: (..., I) to (...,).

    Pairwise multiplication makes the backward pass the exclusive products themselves: no division, so
    zeros are harmless, in log2(I) operations. It also keeps rounding at log2(I) instead of I.
    """
    while factors.shape[-1] > 1:
        half = factors.shape[-1] // 2
        pairs = factors[..., :half] * factors[..., half : 2 * half]
        rest = factors[..., 2 * half :]
        factors = torch.cat([pairs, rest], -1) if rest.shape[-1] else pairs
    return factors[..., 0]


def gated_product(x: Tensor, weight: Tensor) -> Tensor:
    """y_o = Π_i (W_oi x_i + 1 - W_oi) for x (..., I), weight (O, I): Madsen & Johansen 2020."""
    return product(x.unsqueeze(-2) * weight + (1 - weight))


def log_magnitude(x: Tensor, epsilon: float = 1e-7) -> Tensor:
    """log(|x| + ε): the units that multiply in log space lose the sign of x here."""
    return torch.log(x.abs() + epsilon)


def phase(x: Tensor) -> Tensor:
    """π where x is negative, else 0: the angle of x as a complex number."""
    return math.pi * (x < 0).to(x.dtype)


def gated_signs(x: Tensor, weight: Tensor) -> Tensor:
    """Π_i (sign(x_i)·|W_oi| + 1 - |W_oi|), the sign of a product of powers W_oi: Schlör et al. 2020."""
    return gated_product(torch.sign(x), weight.abs())


def distance_to_trit(weight: Tensor) -> Tensor:
    """How far each weight is from the nearest of -1, 0, 1 (inside the box [-1, 1])."""
    magnitude = weight.abs()
    return torch.minimum(magnitude, (1 - magnitude).abs())


def distance_to_bit(weight: Tensor) -> Tensor:
    """How far each weight is from the nearest of 0, 1 (inside the box [0, 1])."""
    return torch.minimum(weight.abs(), (1 - weight).abs())
