"""The cell of the diagonal Neural GPU: hard gates, and channels that shift to neighbouring positions."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from extrapolate.nn.arithmetic._hard import Grid, hard_sigmoid, hard_tanh, saturation
from extrapolate.nn.neural_gpu._neural_gpu import neighbourhood

#: Constants added to the preactivations of the reset and update gates, which open the gates at first.
RESET_OPEN, UPDATE_OPEN = 0.5, 0.7

#: Weight of the gates (2 m, 3 m), their bias (2 m), weight of the candidate (m, 3 m), its bias (m).
Weights = tuple[Tensor, Tensor, Tensor, Tensor]

#: ``dropout_mask(like, step)``: bool of the shape of ``like``, True where dropout keeps the candidate in that step.
DropoutMask = Callable[[Tensor, int], Tensor]


@dataclass(frozen=True)
class Treatment:
    """Dropout and rounding, which a step applies in addition to the published equations.

    Candidates are multiplied by ``dropout_mask`` and divided by ``probability``, that of True in the mask. The new
    state is rounded to ``grid``.
    """

    dropout_mask: DropoutMask | None = None
    probability: float | Tensor = 1.0
    grid: Grid | None = None

    def apply_dropout(self, x: Tensor, step: int) -> Tensor:
        return x if self.dropout_mask is None else x * self.dropout_mask(x, step) / self.probability

    def round(self, x: Tensor) -> Tensor:
        return x if self.grid is None else self.grid.round(x)


NO_TREATMENT = Treatment()


def shift(state: Tensor) -> Tensor:
    """Shift channels of a state (B, n, m) to neighbouring positions; zeros enter at the ends.

    The last third of the channels (m // 3) comes from the right neighbour, the third before it from the left one. The
    first channels stay.
    """
    third = state.shape[-1] // 3
    stay, from_left, from_right = state.split([state.shape[-1] - 2 * third, third, third], -1)
    zero = torch.zeros_like(from_left[:, :1])
    left = torch.cat([zero, from_left[:, :-1]], 1)
    right = torch.cat([from_right[:, 1:], zero], 1)
    return torch.cat([stay, left, right], -1)


class DiagonalCGRU(nn.Module):
    """Convolutional gated recurrent unit with diagonal gates: a state (B, n, m) to the next state.

    ::

        r = hσ(W_r * s + b_r + 0.5),  u = hσ(W_u * s + b_u + 0.7),  c = htanh(W_c * (r ⊙ s) + b_c)
        s ← u ⊙ shift(s) + (1 - u) ⊙ c

    Here htanh(x) = clip(x, -1, 1), hσ(x) = clip((x + 1)/2, 0, 1), and * is the convolution over three positions with
    zero padding. ``shift`` moves a third of the channels one position to the right and a third one to the left.

    Weights are (outputs, 3 m): columns are the m channels of the left neighbour, the position itself, and the right
    neighbour. Outputs of ``gates`` are r, then u. Source: Freivalds & Liepins 2017 (arXiv 1702.08727).
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
    treatment: Treatment = NO_TREATMENT,
    step: int = 0,
) -> tuple[Tensor, Tensor]:
    """Return the next state, and the saturation of its preactivations at every position, (B, n)."""
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
    cost_weight: Tensor,
    steps: range,
    treatment: Treatment = NO_TREATMENT,
) -> tuple[Tensor, Tensor]:
    """Return the state (B, n, m) after these ``steps``, zero outside ``span`` (B, n), and their saturation.

    The saturation is a scalar: the sum over positions and steps, weighted by ``cost_weight`` (B, n).
    """
    total = state.new_zeros(())
    for step in steps:
        state, more = diagonal_step(state, *params, treatment, step)
        state, total = state * span[..., None], total + (more * cost_weight).sum()
    return state, total


def scale_unit_(layer: nn.Linear) -> None:
    """Fill the weight from U(-a, a), a = sqrt(3 / inputs), and the bias with 0.

    An output then has the same mean square as its inputs.
    """
    bound = math.sqrt(3 / layer.in_features)
    nn.init.uniform_(layer.weight, -bound, bound)
    nn.init.zeros_(layer.bias)
