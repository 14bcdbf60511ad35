"""The definition: a loop over time. Slow, differentiable, correct for every dtype."""

import torch
from torch import Tensor


def linear_recurrence(
    a: Tensor, b: Tensor, h0: Tensor | None = None, *, reverse: bool = False, reset: Tensor | None = None
) -> Tensor:
    """Return h (B, T, D) from a, b (B, T, D), h0 (B, D) and reset, bool (B, T), as the fast operator does."""
    state = torch.zeros_like(b[:, :0].sum(1)) if h0 is None else h0
    steps = list(range(b.shape[1]))
    states = {}
    for t in reversed(steps) if reverse else steps:
        if reset is not None:
            state = torch.where(reset[:, t, None], 0.0, state)
        state = a[:, t] * state + b[:, t]
        states[t] = state
    return torch.stack([states[t] for t in steps], 1) if steps else b.clone()
