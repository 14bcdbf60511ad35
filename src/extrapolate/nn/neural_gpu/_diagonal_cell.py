"""The cell of the diagonal Neural GPU: hard gates, and a state that moves sideways by itself."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from extrapolate.nn.arithmetic._hard import Grid, hard_sigmoid, hard_tanh, saturation
from extrapolate.nn.neural_gpu._neural_gpu import neighbourhood

#: How open the gates begin: reset, update.
RESET_OPEN, UPDATE_OPEN = 0.5, 0.7

#: Of the gates (2 m, 3 m), their bias, of the candidate (m, 3 m), its bias.
Weights = tuple[Tensor, Tensor, Tensor, Tensor]

#: ``kept(like, step)``: bool, of the shape of ``like``, what dropout leaves of the candidate in that step.
DropoutMask = Callable[[Tensor, int], Tensor]


@dataclass(frozen=True)
class Treatment:
    """What happens in a step beside the equations.

    Of the candidates only what is ``kept`` stays, divided by the ``probability`` of that; the new state is rounded to
    a ``grid``.
    """

    dropout_mask: DropoutMask | None = None
    probability: float | Tensor = 1.0
    grid: Grid | None = None

    def apply_dropout(self, x: Tensor, step: int) -> Tensor:
        return x if self.dropout_mask is None else x * self.dropout_mask(x, step) / self.probability

    def round(self, x: Tensor) -> Tensor:
        return x if self.grid is None else self.grid.round(x)


AS_IT_IS = Treatment()


def shift(state: Tensor) -> Tensor:
    """(B, n, m): of the maps a third, rounded down, come from the left neighbour, the last third from the right one.

    The first maps stay; zeros enter at the ends.
    """
    third = state.shape[-1] // 3
    stay, from_left, from_right = state.split([state.shape[-1] - 2 * third, third, third], -1)
    zero = torch.zeros_like(from_left[:, :1])
    left = torch.cat([zero, from_left[:, :-1]], 1)
    right = torch.cat([from_right[:, 1:], zero], 1)
    return torch.cat([stay, left, right], -1)


class DiagonalCGRU(nn.Module):
    """Convolutional gated recurrent unit with diagonal gates: a state (B, n, m) to the next one.

    ::

        r = hσ(W_r * s + b_r + 0.5),  u = hσ(W_u * s + b_u + 0.7),  c = htanh(W_c * (r ⊙ s) + b_c)
        s ← u ⊙ shift(s) + (1 - u) ⊙ c

    with htanh(x) = clip(x, -1, 1), hσ(x) = clip((x + 1)/2, 0, 1) and * the convolution over three places, zeros
    beyond the ends. Weights are (outputs, left | own | right place's maps); the gates' outputs are r, then u.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gates = nn.Linear(3 * channels, 2 * channels)
        self.candidate = nn.Linear(3 * channels, channels)
        for layer in (self.gates, self.candidate):
            scale_unit_(layer)

    def forward(self, state: Tensor) -> Tensor:
        return diagonal_step(state, *self.tensors())[0]

    def tensors(self) -> Weights:
        return self.gates.weight, self.gates.bias, self.candidate.weight, self.candidate.bias


def diagonal_step(
    state: Tensor,
    gates: Tensor,
    gates_bias: Tensor,
    candidate: Tensor,
    candidate_bias: Tensor,
    treatment: Treatment = AS_IT_IS,
    step: int = 0,
) -> tuple[Tensor, Tensor]:
    """The next state, and the saturation of its preactivations at every place, (B, n)."""
    reset, update = F.linear(neighbourhood(state, 1), gates, gates_bias).chunk(2, -1)
    reset, update = reset + RESET_OPEN, update + UPDATE_OPEN
    new = F.linear(neighbourhood(hard_sigmoid(reset) * state, 1), candidate, candidate_bias)
    keep, value = hard_sigmoid(update), treatment.apply_dropout(hard_tanh(new), step)
    after = treatment.round(keep * shift(state) + (1 - keep) * value)
    return after, saturation(reset) + saturation(update) + saturation(new)


def diagonal_steps(
    state: Tensor,
    params: Weights,
    span: Tensor,
    worth: Tensor,
    steps: range,
    treatment: Treatment = AS_IT_IS,
) -> tuple[Tensor, Tensor]:
    """The state (B, n, m) after these ``steps``, zero outside ``span`` (B, n), and their saturation.

    That is a scalar, in which a place counts by its ``worth`` (B, n).
    """
    total = state.new_zeros(())
    for step in steps:
        state, more = diagonal_step(state, *params, treatment, step)
        state, total = state * span[..., None], total + (more * worth).sum()
    return state, total


def scale_unit_(layer: nn.Linear) -> None:
    """U(-a, a) with a = sqrt(3 / inputs), and no bias: an output begins with its inputs' mean square."""
    bound = math.sqrt(3 / layer.in_features)
    nn.init.uniform_(layer.weight, -bound, bound)
    nn.init.zeros_(layer.bias)
