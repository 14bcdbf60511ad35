"""The Neural GPU (Kaiser & Sutskever 2016): convolutional gated recurrent units on a "mental image"."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from extrapolate.nn.arithmetic._hard import cutoff_sigmoid
from extrapolate.nn.neural_gpu._cellular import CellularNetwork, spread

#: Constant added to the preactivations of the gates, which opens them at first.
OPEN = 1.0

#: Bound of the uniform initialisation of the embedding, and factor on that of the kernels.
EMBEDDING, KERNEL = 1.7, 1.8

#: Sequence length at which ``dropout`` applies unchanged; longer sequences take more steps and get less.
DROPOUT_LENGTH = 8


def neighbourhood(state: Tensor, axis: int) -> Tensor:
    """Concatenate each position's left neighbour on ``axis``, itself and its right neighbour: (..., C) to (..., 3 C).

    Zeros pad the ends. ``vmap`` maps copies and a matrix product efficiently; R convolutions would become a slow
    grouped convolution.
    """
    zero = torch.zeros_like(state.narrow(axis, 0, 1))
    length = state.shape[axis]
    left = torch.cat([zero, state.narrow(axis, 0, length - 1)], axis)
    right = torch.cat([state.narrow(axis, 1, length - 1), zero], axis)
    return torch.cat([left, state, right], -1)


class CGRU(nn.Module):
    """Convolutional gated recurrent unit with 3 × 3 kernels: a state (B, n, w, m) to the next state.

    ::

        u, r = σc(U * s + B + 1),  c = tanh(U' * (r ⊙ s) + B'),  s ← u ⊙ s + (1 - u) ⊙ c

    Here σc is the cutoff sigmoid and * the convolution over n and w with zero padding. Each weight is a
    matrix. Its rows are output channels; ``gates`` has those of u, then those of r. Its columns are the m input
    channels of the 9 kernel positions; position 3 i + j has the offsets i along w and j along n.
    Source: Kaiser & Sutskever 2016 (arXiv 1511.08228).
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
    """Two CGRUs, which are one step. Positions outside ``span`` are zero after each of them."""

    def step_in_span(self, state: Tensor, span: Tensor) -> Tensor:
        for cell in self:
            state = cell(state) * spread(span, state)
        return state


class NeuralGPU(CellularNetwork):
    """Neural GPU, the original: symbols (B, n) or (B, n, rows) to logits (B, n, classes).

    The state, the "mental image", is (B, n, w, m). Initially its first column is tanh(E[symbol]), or one column per
    row of symbols; padding and all other columns are zero. The logits are a linear function of the first column of
    the final state. A step is two CGRUs. By default a sequence takes one step per position in its span.

    Args:
        symbols: number of symbols, including the padding (0).
        classes: number of classes of the output.
        channels: channels per position, m.
        width: width of the mental image, w.
        copies: number of copies of the cell's parameters, which steps use in turn (relaxation of parameter sharing).
            In training, add :meth:`copy_distance` to the loss with a growing weight; it pulls the copies together.
            Then :meth:`merge_` makes them equal.
        dropout: dropout probability of the whole state after each step in training mode, for n ≤ 8. For longer
            sequences it is ``dropout · 8/n``.

    Raises ValueError for sizes out of range. Source: Kaiser & Sutskever 2016 (arXiv 1511.08228) and its code, without
    the code's linear layer after the embedding.
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
            raise ValueError(f"width must be at least the {rows.shape[-1]} rows of symbols, got {self.width}")
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
        """Return Σ_i ‖θ_i - mean_j θ_j‖² over the copies of the cell; a sum, so it grows with m."""
        return sum(
            ((each - each.mean(0)).square().sum() for each in self._stack()),
            start=self.answer.bias.new_zeros(()),
        )

    @torch.no_grad()
    def merge_(self) -> None:
        """Replace all copies by their mean, in place."""
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
    """Return ``dropout · at/length``, at most ``dropout``. More steps then do not drop more of a state in total."""
    return min(dropout * at / length, dropout)
