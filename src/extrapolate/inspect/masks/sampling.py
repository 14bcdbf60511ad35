"""Masks sampled from logits with a straight-through gradient: the definition in tensor operations, and the operator.

A weight with logit l is kept if s = sigmoid(l + logit(u)) > 1/2, with u uniform in (0, 1). The sampled mask has the
gradient of s. This is a Gumbel-sigmoid sample at temperature 1 (Csordás et al., arXiv 2010.02066), and
P(kept) = sigmoid(l). With the odds e = exp(-l), s = u / (u + e (1 - u)). The weight is then kept if u > e (1 - u),
and no logarithm is needed.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from extrapolate._runtime.compiler import numba_is_installed
from extrapolate.ops.random.reference import WORD, threefry2x32

#: Keeps the odds and their sums finite in float32. It is reached at logits below -69, which are never kept.
LARGEST_ODDS = 1e30


def uniform(key: Tensor, masks: int, shape: torch.Size) -> Tensor:
    """Sample the numbers ``u`` for the masks of one tensor: odd multiples of 2^-17 in (0, 1).

    Returns float32 (masks, *shape). Threefry returns two words for the counter (step, weight index) under the key
    (seed, ``key[1] + j``). Masks 4j to 4j + 3 use the four half words, each word's upper half first. Half words
    cost half the time, and 16 bits are enough for a mask.
    """
    seed, stream, step = (word & WORD for word in key.unbind())
    weights = torch.arange(shape.numel(), device=key.device)
    words = [word for j in range(-(-masks // 4)) for word in threefry2x32((seed, stream + j & WORD), (step, weights))]
    halves = torch.stack([half for word in words for half in (word >> 16, word & 0xFFFF)][:masks])
    return ((2 * halves + 1).float() * 2.0**-17).view(masks, *shape)


def odds(logits: Tensor) -> Tensor:
    """Return exp(-l), the odds against keeping a weight."""
    return logits.neg().exp_().clamp_max_(LARGEST_ODDS)


def apply_mask(odds: Tensor, weight: Tensor, u: Tensor) -> Tensor:
    """Return the masked weights (masks, *shape): ``weight`` where the mask keeps it, 0 elsewhere."""
    return torch.where(u > odds * (1 - u), weight, 0)


def logit_gradient(odds: Tensor, weight: Tensor, u: Tensor, gradient: Tensor) -> Tensor:
    """Return the gradient by the logits, Σₖ gₖ w sₖ (1 - sₖ), in float32.

    ``gradient`` g (masks, *shape) is the gradient by the masked weights.
    """
    against = odds * (1 - u)
    total = u + against
    return (gradient.float() * (u / total) * (against / total)).sum(0) * weight.float()


def weight_gradient(odds: Tensor, u: Tensor, gradient: Tensor) -> Tensor:
    """Return the gradient by the weight: Σₖ gₖ over the masks that keep the weight, in float32."""
    return torch.where(u > odds * (1 - u), gradient.float(), 0).sum(0)


class _Draw(Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, weight: Tensor, key: Tensor, masks: int) -> Tensor:
        ctx.masks = masks
        if _fused(logits, weight):
            from extrapolate.inspect.masks import kernel  # numba is slow to import

            against = kernel.odds(logits)
            masked = kernel.apply_mask(against, weight, key, masks)
        else:
            against = odds(logits)
            masked = apply_mask(against, weight, uniform(key, masks, logits.shape))
        ctx.save_for_backward(against, weight, key)
        return masked

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
    """Sample masks and return ``weight`` under each, (masks, *shape), differentiable by logits and weight.

    The backward pass samples the numbers again from ``key``. It needs no memory for the masks.

    Args:
        logits: float32, contiguous, with the shape of ``weight``.
        weight: contiguous, any floating-point dtype. The result has the same dtype.
        key: int64 (3,): seed, stream, step.
        masks: number of masks. They use ``(masks + 3) // 4`` streams, starting with ``key[1]``.
    """
    return _Draw.apply(logits, weight, key, masks)  # type: ignore[return-value]


def _fused(logits: Tensor, weight: Tensor) -> bool:
    return logits.device.type == "cpu" and weight.dtype == torch.float32 and numba_is_installed()
