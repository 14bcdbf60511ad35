"""The diagonal Neural GPU (Freivalds & Liepins 2017): one dimension, one cell, gates that saturate exactly."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from extrapolate.nn.arithmetic._hard import Grid, hard_tanh, saturation
from extrapolate.nn.neural_gpu import _diagonal_fused
from extrapolate.nn.neural_gpu._cellular import CellularNetwork, span_of
from extrapolate.nn.neural_gpu._diagonal_cell import (
    DiagonalCGRU,
    Treatment,
    diagonal_step,
    diagonal_steps,
    scale_unit_,
)


class DiagonalNeuralGPU(CellularNetwork):
    """Diagonal Neural GPU: symbols (B, n) to logits (B, n, classes), by n + ``extra_steps`` steps by default.

    n includes padding. The state is (B, n, m). On a CPU in float32 all steps are fused, with a hand-written backward
    pass, except in :meth:`states`.

    Args:
        symbols: number of symbols, including the padding (0).
        classes: number of classes of the output.
        channels: channels per position, m. With fewer than 3, no channel is shifted to neighbouring positions.
        dropout: dropout probability of the embedding and the candidates in training mode; the carried state is never
            dropped. It decreases to 0 as ``rounding`` grows to 1: the noise would push states over rounding
            thresholds that they do not cross at inference.
        quantization_levels: round states to multiples of 1/quantization_levels; gradients pass unchanged. The network
            is then a cellular automaton: its state does not decay, however many steps it takes. None: no rounding
            (published).
        extra_steps: steps after one step per position, so that late signals arrive, such as the last carries of a
            product. Published: 0.

    In training, add the second output of :meth:`measure_saturation`, times a weight, to the loss. Raises ValueError
    for sizes out of range. Source: Freivalds & Liepins 2017 (arXiv 1702.08727); gates, offsets and initialisation as
    in its code.
    """

    def __init__(
        self,
        symbols: int,
        classes: int,
        channels: int = 48,
        *,
        dropout: float = 0.0,
        quantization_levels: int | None = None,
        extra_steps: int = 0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(symbols, classes, channels, dropout)
        if quantization_levels is not None and quantization_levels < 1:
            raise ValueError(f"quantization_levels={quantization_levels} must be at least 1, or None (no rounding)")
        if extra_steps < 0:
            raise ValueError(f"extra_steps={extra_steps} must be at least 0")
        self.quantization_levels, self.extra_steps = quantization_levels, extra_steps
        self.embedding = nn.Linear(symbols, channels)
        self.cell = DiagonalCGRU(channels)
        self.answer = nn.Linear(channels, classes)
        for layer in (self.embedding, self.answer):
            scale_unit_(layer)
        self.to(device, dtype)

    def arguments(self) -> dict[str, Any]:
        names = ("symbols", "classes", "channels", "dropout", "quantization_levels", "extra_steps")
        return {name: getattr(self, name) for name in names}

    def widths(self) -> list[int]:
        """Return the number of channels per network in the state: one network."""
        return [self.channels]

    def begin(self, symbols: Tensor, span: Tensor | None = None) -> Tensor:
        return self._begin(symbols, span_of(symbols) if span is None else span, self._treatment())[0]

    def _begin(self, symbols: Tensor, span: Tensor, treatment: Treatment) -> tuple[Tensor, Tensor]:
        """Return the initial state, and the saturation of the embedding at every position."""
        entering = F.embedding(symbols, self.embedding.weight.T) + self.embedding.bias
        state = treatment.round(treatment.apply_dropout(hard_tanh(entering), -1))
        return state * span[..., None], saturation(entering)

    def cell_at(self, step: int) -> DiagonalCGRU:
        return self.cell

    def read(self, state: Tensor) -> Tensor:
        return self.answer(state)

    def default_steps(self, symbols: Tensor, span: Tensor) -> int:
        return symbols.shape[1] + self.extra_steps

    def advance(self, state: Tensor, span: Tensor, step: int) -> Tensor:
        return diagonal_step(state, *self.cell.tensors(), self._treatment(), step)[0] * span[..., None]

    def advance_steps(self, state: Tensor, span: Tensor, steps: range) -> Tensor:
        return self._run(state, span, state.new_zeros(span.shape), steps, self._treatment())[0]

    def forward(self, symbols: Tensor, steps: int | Tensor | None = None, span: Tensor | None = None) -> Tensor:
        if isinstance(steps, Tensor):
            return super().forward(symbols, steps, span)
        return self.measure_saturation(symbols, steps, span)[0]

    def measure_saturation(
        self,
        symbols: Tensor,
        steps: int | None = None,
        span: Tensor | None = None,
        rounding: float | Tensor = 1.0,
    ) -> tuple[Tensor, Tensor]:
        """Return the logits, and the saturation: a cost that keeps preactivations where gradients flow.

        The saturation is Σ max(0, |x| - 0.9), divided by steps · n · B (not by m). The sum is over the preactivations
        of all steps, plus those of the embedding once per step. ``rounding``: fraction, 0 to 1, of the distance to
        the nearest quantization level that states are moved.
        """
        span = span_of(symbols) if span is None else span
        steps = self.default_steps(symbols, span) if steps is None else steps
        (logits,), cost = self.measure_saturations([(symbols, span)], steps - symbols.shape[1], rounding)
        return logits, cost

    def measure_saturations(
        self,
        batches: Sequence[tuple[Tensor, Tensor]],
        extra_steps: int | None = None,
        rounding: float | Tensor = 1.0,
    ) -> tuple[list[Tensor], Tensor]:
        """Return the logits of each batch, and the mean of their saturations; see :meth:`measure_saturation`.

        A batch is symbols (B, n) and their span. B must be the same for all batches, n may differ. The batches are
        concatenated along the positions, with one empty position in between. Each step is then one large product
        instead of many small ones. A batch leaves the state after its last step. ``extra_steps`` replaces the
        network's own. Dropout masks differ from those of separate batches.

        Raises:
            ValueError: there is no batch, or the batches differ in the number of sequences.
        """
        count = len(batches[0][0]) if batches else 0
        if any(len(symbols) != count for symbols, _ in batches) or not batches:
            counts = [len(symbols) for symbols, _ in batches]
            raise ValueError(f"batches must have the same number of sequences, at least one batch, got {counts}")
        order = sorted(range(len(batches)), key=lambda index: batches[index][0].shape[1])
        lengths = [batches[index][0].shape[1] for index in order]
        extra_steps = self.extra_steps if extra_steps is None else extra_steps
        symbols, span = (side_by_side([batches[i][part] for i in order]) for part in (0, 1))
        # in a batch with n positions and T steps, each position has weight 1 / (T n B) per step, as published;
        # the embedding counts T times
        per_position = [self.answer.bias.new_full((count, n), 1 / max(1, n * count)) for n in lengths]
        per_step = [each / max(1, each.shape[1] + extra_steps) for each in per_position]
        cost_weight, embedding_weight = side_by_side(per_step), side_by_side(per_position)
        treatment = self._treatment(rounding)
        state, entering = self._begin(symbols, span, treatment)
        total, logits, done = (entering * embedding_weight).sum(), {}, 0
        for index, n in zip(order, lengths, strict=True):
            state, more = self._run(state, span, cost_weight, range(done, n + extra_steps), treatment)
            total, done = total + more, n + extra_steps
            logits[index] = self.read(state[:, :n])
            state, span, cost_weight = (each[:, n + 1 :] for each in (state, span, cost_weight))
        return [logits[index] for index in range(len(batches))], total / len(batches)

    def _run(
        self, state: Tensor, span: Tensor, cost_weight: Tensor, steps: range, treatment: Treatment
    ) -> tuple[Tensor, Tensor]:
        run = _diagonal_fused.run if _diagonal_fused.usable(state) else diagonal_steps
        return run(state, self.cell.tensors(), span, cost_weight, steps, treatment)

    def _treatment(self, rounding: float | Tensor = 1.0) -> Treatment:
        grid = None if self.quantization_levels is None else Grid(self.quantization_levels, rounding)
        unrounded = 1 if grid is None else 1 - rounding
        if not (self.training and self.dropout) or (isinstance(unrounded, float) and not unrounded):
            return Treatment(grid=grid)
        probability = 1 - self.dropout * unrounded
        return Treatment(lambda like, step: self.dropout_mask(like, probability, step + 1), probability, grid)


def side_by_side(batches: Sequence[Tensor]) -> Tensor:
    """Concatenate tensors (B, n) along the positions, with one position of zeros in between."""
    gap = batches[0].new_zeros(len(batches[0]), 1)
    spaced = [each for batch in batches for each in (gap, batch)]
    return torch.cat(spaced[1:], 1)
