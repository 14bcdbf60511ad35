"""Masks drawn from logits, straight through: the definition in plain tensor operations, and the operator.

A logit l is drawn as kept where s = sigmoid(l + logit(u)) > 1/2, u uniform; the drawn mask has the gradient of
s. That is a Gumbel-sigmoid sample at temperature 1 (Csordás et al., arXiv 2010.02066), and P(kept) = sigmoid(l).
With the odds e = exp(-l), s = u / (u + e (1 - u)): no logarithm is needed, and kept is u > e (1 - u).
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from extrapolate._runtime.compiler import numba_is_installed
from extrapolate.ops.random.reference import WORD, threefry2x32

#: Logits below -69 are as good as there: keeps the odds and their sums finite in float32.
LARGEST_ODDS = 1e30


def uniform(key: Tensor, masks: int, shape: torch.Size) -> Tensor:
    """The numbers ``u`` of one tensor's masks, float32 (masks, *shape): odd multiples of 2^-17 in (0, 1).

    Masks 4j to 4j + 3 take the halves, the upper ones first, of the two words that Threefry gives for the counter
    (step, weight) under the key (seed, ``key[1] + j``). A mask needs no finer ones: they are half the price.
    """
    seed, stream, step = (word & WORD for word in key.unbind())
    weights = torch.arange(shape.numel(), device=key.device)
    words = [word for j in range(-(-masks // 4)) for word in threefry2x32((seed, stream + j & WORD), (step, weights))]
    halves = torch.stack([half for word in words for half in (word >> 16, word & 0xFFFF)][:masks])
    return ((2 * halves + 1).float() * 2.0**-17).view(masks, *shape)


def odds(logits: Tensor) -> Tensor:
    """exp(-l): the odds of being left out."""
    return logits.neg().exp_().clamp_max_(LARGEST_ODDS)


def apply_mask(odds: Tensor, weight: Tensor, u: Tensor) -> Tensor:
    """The weight under each mask, (masks, *shape): ``weight`` where kept, 0 elsewhere."""
    return torch.where(u > odds * (1 - u), weight, 0)


def logit_gradient(odds: Tensor, weight: Tensor, u: Tensor, gradient: Tensor) -> Tensor:
    """Σₖ gₖ w sₖ (1 - sₖ) in float32, ``gradient`` (masks, *shape) being that by the masked weights."""
    against = odds * (1 - u)
    total = u + against
    return (gradient.float() * (u / total) * (against / total)).sum(0) * weight.float()


def weight_gradient(odds: Tensor, u: Tensor, gradient: Tensor) -> Tensor:
    """Σₖ gₖ over the masks that keep the weight, in float32."""
    return torch.where(u > odds * (1 - u), gradient.float(), 0).sum(0)


class _Draw(Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, weight: Tensor, key: Tensor, masks: int) -> Tensor:
        ctx.masks = masks
        if _fused(logits, weight):
            from extrapolate.inspect.masks import kernel  # its compiler is a slow import

            against = kernel.odds(logits)
            drawn = kernel.apply_mask(against, weight, key, masks)
        else:
            against = odds(logits)
            drawn = apply_mask(against, weight, uniform(key, masks, logits.shape))
        ctx.save_for_backward(against, weight, key)
        return drawn

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor | None, None, None]:
        against, weight, key = ctx.saved_tensors
        by_weight = None
        if _fused(against, weight):
            from extrapolate.inspect.masks import kernel

            by_logit = kernel.logit_gradient(against, weight, key, gradients[0])
            if ctx.needs_input_grad[1]:
                by_weight = kernel.weight_gradient(against, weight, key, gradients[0])
        else:
            u = uniform(key, ctx.masks, against.shape)
            by_logit = logit_gradient(against, weight, u, gradients[0])
            if ctx.needs_input_grad[1]:
                by_weight = weight_gradient(against, u, gradients[0]).to(weight.dtype)
        return by_logit, by_weight, None, None


def draw(logits: Tensor, weight: Tensor, key: Tensor, masks: int) -> Tensor:
    """``weight`` under ``masks`` drawn masks, (masks, *shape), differentiable by the logits and by the weight.

    Nothing is kept for the way back but ``key`` and the odds: the numbers are drawn again.

    Args:
        logits: float32, contiguous, of the shape of ``weight``.
        weight: contiguous, of any floating dtype; what is drawn has its dtype.
        key: int64 (3,): seed, stream, step.
        masks: how many; uses ``(masks + 3) // 4`` streams from ``key[1]`` on.
    """
    return _Draw.apply(logits, weight, key, masks)  # type: ignore[return-value]


def _fused(logits: Tensor, weight: Tensor) -> bool:
    return logits.device.type == "cpu" and weight.dtype == torch.float32 and numba_is_installed()
