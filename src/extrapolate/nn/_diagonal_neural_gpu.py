"""The diagonal Neural GPU (Freivalds & Liepins 2017): one dimension, one cell, gates that saturate exactly."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from extrapolate.nn import _diagonal_fused
from extrapolate.nn._cellular import CellularNetwork, span_of
from extrapolate.nn._diagonal_cell import (
    DiagonalCGRU,
    Treatment,
    diagonal_step,
    diagonal_steps,
    unit_scaled_,
)
from extrapolate.nn._hard import Grid, hard_tanh, saturation


class DiagonalNeuralGPU(CellularNetwork):
    """The diagonal Neural GPU: symbols (B, n) to logits (B, n, classes); unless told, by n steps, padding included.

    The state is (B, n, m). On a CPU in float32 all steps run fused, with a hand-written backward pass, except in
    :meth:`states`.

    Args:
        symbols: how many symbols there are, the padding (0) included.
        classes: of the answer.
        maps: numbers of a place, m; below 3 nothing moves sideways by itself.
        dropout: of the embedding and of the candidates, never of what is carried, while training. It fades as
            states are rounded: thresholds would be crossed otherwise that answering does not cross.
        levels: states are rounded to multiples of 1/levels, where gradients pass unchanged. The network is then a
            cellular automaton: nothing fades, however many steps it takes. None: as published, not rounded.

    Training adds :meth:`saturated`'s second output, times a weight, to the loss. Source: arXiv 1702.08727 and its
    code, whose gates, offsets and start these are.
    """

    def __init__(
        self,
        symbols: int,
        classes: int,
        maps: int = 48,
        *,
        dropout: float = 0.0,
        levels: int | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(symbols, classes, maps, dropout)
        if levels is not None and levels < 1:
            raise ValueError(f"levels={levels} must be at least 1, or None for states that are not rounded")
        self.levels = levels
        self.embedding = nn.Linear(symbols, maps)
        self.cell = DiagonalCGRU(maps)
        self.answer = nn.Linear(maps, classes)
        for layer in (self.embedding, self.answer):
            unit_scaled_(layer)
        self.to(device, dtype)

    def arguments(self) -> dict[str, Any]:
        names = ("symbols", "classes", "maps", "dropout", "levels")
        return {name: getattr(self, name) for name in names}

    def begin(self, symbols: Tensor, span: Tensor | None = None) -> Tensor:
        return self._begin(symbols, span_of(symbols) if span is None else span, self._treatment())[0]

    def _begin(self, symbols: Tensor, span: Tensor, treatment: Treatment) -> tuple[Tensor, Tensor]:
        """The first state, and the saturation of the embedding."""
        entering = F.embedding(symbols, self.embedding.weight.T) + self.embedding.bias
        state = treatment.rounded(treatment.dropped(hard_tanh(entering), -1))
        return state * span[..., None], saturation(entering)

    def cell_at(self, step: int) -> DiagonalCGRU:
        return self.cell

    def read(self, state: Tensor) -> Tensor:
        return self.answer(state)

    def default_steps(self, symbols: Tensor, span: Tensor) -> int:
        return symbols.shape[1]

    def advance(self, state: Tensor, span: Tensor, step: int) -> Tensor:
        return diagonal_step(state, *self.cell.weights(), self._treatment(), step)[0] * span[..., None]

    def advanced(self, state: Tensor, span: Tensor, steps: range) -> Tensor:
        return self._run(state, span, steps, self._treatment())[0]

    def forward(
        self, symbols: Tensor, steps: int | Tensor | None = None, span: Tensor | None = None
    ) -> Tensor:
        if isinstance(steps, Tensor):
            return super().forward(symbols, steps, span)
        return self.saturated(symbols, steps, span)[0]

    def saturated(
        self,
        symbols: Tensor,
        steps: int | None = None,
        span: Tensor | None = None,
        rounding: float | Tensor = 1.0,
    ) -> tuple[Tensor, Tensor]:
        """The logits, and what training adds to the loss so that preactivations stay where gradients flow.

        The latter is Σ max(0, |x| - 0.9) over all preactivations of the steps, and of the embedding as often as
        there are steps, divided by steps · n · B (not by m). ``rounding``: how far states are moved to the levels,
        0 to 1, if there are any.
        """
        span = span_of(symbols) if span is None else span
        steps = symbols.shape[1] if steps is None else steps
        treatment = self._treatment(rounding)
        state, entering = self._begin(symbols, span, treatment)
        state, within = self._run(state, span, range(steps), treatment)
        return self.read(state), (entering + within / max(1, steps)) / max(1, symbols.numel())

    def _run(self, state: Tensor, span: Tensor, steps: range, treatment: Treatment) -> tuple[Tensor, Tensor]:
        run = _diagonal_fused.run if _diagonal_fused.usable(state) else diagonal_steps
        return run(state, self.cell.weights(), span, steps, treatment)

    def _treatment(self, rounding: float | Tensor = 1.0) -> Treatment:
        grid = None if self.levels is None else Grid(self.levels, rounding)
        analogue = 1 if grid is None else 1 - rounding
        if not (self.training and self.dropout) or (isinstance(analogue, float) and not analogue):
            return Treatment(grid=grid)
        probability = 1 - self.dropout * analogue
        return Treatment(lambda like, step: self.kept(like, probability, step + 1), probability, grid)
