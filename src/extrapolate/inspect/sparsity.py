"""Distance of a trained arithmetic module from discrete weights."""

import torch
from torch import Tensor, nn

from extrapolate.nn.contract import Arithmetic


@torch.no_grad()
def sparsity_error(module: nn.Module) -> Tensor | None:
    """Return the maximum over all weights W that are applied to inputs of min(|W|, |1 - |W||), a scalar.

    It is 0 for exact weights and 0.5 in the worst case if all |W| ≤ 1. None if ``module`` contains no arithmetic
    unit. Source: Madsen & Johansen 2020.
    """
    errors = [
        torch.minimum(weight.abs(), (1 - weight.abs()).abs()).max()
        for part in module.modules()
        if isinstance(part, Arithmetic)
        for weight in [part.effective_weight()]
    ]
    return torch.stack(errors).max() if errors else None
