"""The recurrence and its adjoint in plain tensor operations, for devices without a kernel; about 2 log2(T) steps.

Neighbouring pairs (a, b) and (a', b') combine to (a a', a' b + b'), so every level halves the length.
"""

import torch
from torch import Tensor


def _step(a: Tensor, state: Tensor, b: Tensor, reset: Tensor | None) -> Tensor:
    """Return the state after one step. A reset also removes a NaN state, which a gate of 0 would not."""
    before = state if reset is None else torch.where(reset.unsqueeze(-1), 0.0, state)
    return a * before + b


def _scan(a: Tensor, b: Tensor, reset: Tensor | None) -> Tensor:
    length = b.shape[1]
    if length < 2:
        return b.clone()
    even, odd = slice(0, length - length % 2, 2), slice(1, None, 2)
    b_pair = _step(a[:, odd], b[:, even], b[:, odd], None if reset is None else reset[:, odd])
    reset_pair = None if reset is None else reset[:, even] | reset[:, odd]
    ends = _scan(a[:, even] * a[:, odd], b_pair, reset_pair)
    h = torch.empty_like(b, memory_format=torch.contiguous_format)
    h[:, odd] = ends
    h[:, 0] = b[:, 0]
    later = slice(2, None, 2)
    before = ends[:, : (length - 1) // 2]
    h[:, later] = _step(a[:, later], before, b[:, later], None if reset is None else reset[:, later])
    return h


def forward(a: Tensor, b: Tensor, h0: Tensor | None, reset: Tensor | None, reverse: bool) -> Tensor:
    """Return h (N, T, D) from a, b (N, T, D), h0 (N, D) or None, and reset (N, T) or None."""
    if b.shape[1] == 0:
        return torch.empty_like(b, memory_format=torch.contiguous_format)
    if reverse:
        back = None if reset is None else reset.flip(1)
        return forward(a.flip(1), b.flip(1), h0, back, False).flip(1).contiguous()
    if h0 is not None:
        first = _step(a[:, 0], h0, b[:, 0], None if reset is None else reset[:, 0])
        b = torch.cat([first.unsqueeze(1), b[:, 1:]], 1)
    return _scan(a, b, reset)


def earlier(x: Tensor, first: Tensor, reverse: bool) -> Tensor:
    """Return x (N, T, ...) of one step before, with ``first`` (N, 1, ...) at the recurrence's first step."""
    return torch.cat([x[:, 1:], first], 1) if reverse else torch.cat([first, x[:, :-1]], 1)


def adjoint(
    g: Tensor, a: Tensor, h: Tensor, h0: Tensor | None, reset: Tensor | None, reverse: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Return (da, db, dh0) from g, the gradient of h, by the reverse recurrence with the gates of one step later."""
    if h.shape[1] == 0:
        return torch.zeros_like(g), torch.zeros_like(g), g.new_zeros(g.shape[0], g.shape[2])
    zero = torch.zeros_like(h[:, :1])
    later_reset = None if reset is None else earlier(reset, torch.zeros_like(reset[:, :1]), not reverse)
    db = forward(earlier(a, zero, not reverse), g, None, later_reset, not reverse)
    before = earlier(h, zero if h0 is None else h0.unsqueeze(1), reverse)
    start = -1 if reverse else 0
    dh0 = a[:, start] * db[:, start]
    if reset is not None:
        before = torch.where(reset.unsqueeze(-1), 0.0, before)
        dh0 = torch.where(reset[:, start, None], 0.0, dh0)
    return db * before, db, dh0
