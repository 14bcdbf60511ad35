"""The Neural GPU (Kaiser & Sutskever 2016): convolutional gated recurrent units over a mental image."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from extrapolate.nn.arithmetic._hard import cutoff_sigmoid
from extrapolate.nn.neural_gpu._cellular import CellularNetwork, spread

#: Gates begin open by this much.
OPEN = 1.0

#: Bounds of the embedding's start, and the factor on that of the kernels.
EMBEDDING, KERNEL = 1.7, 1.8

#: The length at which dropout is the stated one; longer sequences, of more steps, have less.
DROPOUT_LENGTH = 8


def neighbourhood(state: Tensor, axis: int) -> Tensor:
    """(..., C) to (..., 3 C): each place's left neighbour on ``axis``, itself, its right one; zeros at the ends.

    Copies and a matrix product are what ``vmap`` maps well; of R convolutions it makes a grouped one.
    """
    zero = torch.zeros_like(state.narrow(axis, 0, 1))
    length = state.shape[axis]
    left = torch.cat([zero, state.narrow(axis, 0, length - 1)], axis)
    right = torch.cat([state.narrow(axis, 1, length - 1), zero], axis)
    return torch.cat([left, state, right], -1)


class CGRU(nn.Module):
    """Convolutional gated recurrent unit, 3 × 3: a state (B, n, w, m) to the next one.

    ::

        u, r = σc(U * s + B + 1),  c = tanh(U' * (r ⊙ s) + B'),  s ← u ⊙ s + (1 - u) ⊙ c

    with σc the cutoff sigmoid and * the convolution over n and w, zeros beyond the ends. Rows of the weights are
    outputs, the gates' those of u, then r; columns are 9 places of m maps, place i·3 + j being i along w, j along n.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gates = nn.Linear(9 * channels, 2 * channels)
        self.candidate = nn.Linear(9 * channels, channels)
        for layer in (self.gates, self.candidate):
            bound = KERNEL * math.sqrt(3 / layer.in_features)
            nn.init.uniform_(layer.weight, -bound, bound)
            nn.init.zeros_(layer.bias)

    def forward(self, state: Tensor) -> Tensor:
        keep, reset = cutoff_sigmoid(self.gates(_around(state)) + OPEN).chunk(2, -1)
        candidate = torch.tanh(self.candidate(_around(reset * state)))
        return keep * state + (1 - keep) * candidate


def _around(state: Tensor) -> Tensor:
    return neighbourhood(neighbourhood(state, 1), 2)


class _Pair(nn.Sequential):
    """Two CGRUs: one step. Places outside ``span`` are zero after each of them."""

    def step_in_span(self, state: Tensor, span: Tensor) -> Tensor:
        for cell in self:
            state = cell(state) * spread(span, state)
        return state


class NeuralGPU(CellularNetwork):
    """The original Neural GPU: symbols (B, n), or (B, n, rows), to logits (B, n, classes).

    The mental image is (B, n, w, m). Its first column (or as many as there are rows of symbols) begins as
    tanh(E[symbol]), zeros for padding; the logits are read from its first column. A step is two CGRUs; unless told, a
    sequence takes as many steps as its span has places.

    Args:
        symbols: how many symbols there are, the padding (0) included.
        classes: of the answer.
        maps: numbers of a place, m.
        width: of the mental image, w.
        copies: relaxation of parameter sharing: so many copies of the cell's parameters, used in turn. They are held
            together by :meth:`copy_distance`, added to the loss with a growing weight. :meth:`merge_` makes them one.
        dropout: of the whole state after each step while training, for sequences of length 8; ``dropout · 8/n`` for
            others.

    Source: arXiv 1511.08228 and its code. Not taken over from the latter: a linear layer upon the embedding.
    """

    def __init__(
        self,
        symbols: int,
        classes: int,
        channels: int = 24,
        width: int = 4,
        *,
        copies: int = 1,
        dropout: float = 0.0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(symbols, classes, channels, dropout)
        if width < 1 or copies < 1:
            raise ValueError(f"width={width} and copies={copies} must be at least 1")
        self.width = width
        self.embedding = nn.Parameter(torch.empty(symbols, channels))
        self.cells = nn.ModuleList(_Pair(CGRU(channels), CGRU(channels)) for _ in range(copies))
        self.answer = nn.Linear(channels, classes)
        bound = KERNEL * math.sqrt(3 / channels)
        nn.init.uniform_(self.embedding, -EMBEDDING, EMBEDDING)
        nn.init.uniform_(self.answer.weight, -bound, bound)
        nn.init.zeros_(self.answer.bias)
        self.to(device, dtype)

    def arguments(self) -> dict[str, Any]:
        names = ("symbols", "classes", "channels", "width", "copies", "dropout")
        return {name: getattr(self, name) for name in names}

    @property
    def copies(self) -> int:
        return len(self.cells)

    def begin(self, symbols: Tensor, span: Tensor | None = None) -> Tensor:
        rows = symbols[..., None] if symbols.dim() == 2 else symbols
        if rows.shape[-1] > self.width:
            raise ValueError(f"{rows.shape[-1]} rows of symbols need a width as large, not {self.width}")
        embedded = torch.tanh(F.embedding(rows, self.embedding)) * (rows != 0)[..., None]
        return F.pad(embedded, (0, 0, 0, self.width - rows.shape[-1]))

    def cell_at(self, step: int) -> _Pair:
        cell = self.cells[step % self.copies]
        assert isinstance(cell, _Pair)
        return cell

    def read(self, state: Tensor) -> Tensor:
        return self.answer(state[..., 0, :])

    def default_steps(self, symbols: Tensor, span: Tensor) -> Tensor:
        return span.sum(1)

    def advance(self, state: Tensor, span: Tensor, step: int) -> Tensor:
        state = self.cell_at(step).step_in_span(state, span)
        share = scale_to_length(self.dropout, state.shape[1])
        if self.training and share:
            state = state * self.dropout_mask(state, 1 - share, step) / (1 - share)
        return state

    def copy_distance(self) -> Tensor:
        """Σ_i ‖θ_i - mean_j θ_j‖² over the copies of the cell: a sum, so its strength grows with m."""
        return sum(
            ((each - each.mean(0)).square().sum() for each in self._stack()),
            start=self.answer.bias.new_zeros(()),
        )

    @torch.no_grad()
    def merge_(self) -> None:
        """Gives all copies their mean, in place."""
        for values in zip(*(cell.parameters() for cell in self.cells), strict=True):
            mean = torch.stack(values).mean(0)
            for each in values:
                each.copy_(mean)

    def _stack(self) -> list[Tensor]:
        cells = [list(cell.parameters()) for cell in self.cells]
        return [torch.stack(values) for values in zip(*cells, strict=True)]

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, width={self.width}, copies={self.copies}"


def scale_to_length(dropout: float, length: int, at: int = DROPOUT_LENGTH) -> float:
    """dropout · at/length: a state that is dropped after every step is kept as often, whatever the length."""
    return min(dropout * at / length, dropout)
