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
    """The diagonal Neural GPU: symbols (B, n) to logits (B, n, classes); unless told, by n + slack steps.

    n counts padding.
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
        slack: steps beyond the places, for what is on its way when the last place has been reached, such as the last
            carries of a product. 0: as published.

    Training adds :meth:`saturated`'s second output, times a weight, to the loss. Source: arXiv 1702.08727 and its
    code, whose gates, offsets and start these are.
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
            raise ValueError(f"quantization_levels={quantization_levels} must be at least 1, or None: no rounding")
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
        """The maps of each answer whose states stand side by side: of this network's alone."""
        return [self.channels]

    def begin(self, symbols: Tensor, span: Tensor | None = None) -> Tensor:
        return self._begin(symbols, span_of(symbols) if span is None else span, self._treatment())[0]

    def _begin(self, symbols: Tensor, span: Tensor, treatment: Treatment) -> tuple[Tensor, Tensor]:
        """The first state, and the saturation of the embedding at every place."""
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
        """The logits, and what training adds to the loss so that preactivations stay where gradients flow.

        The latter is Σ max(0, |x| - 0.9) over all preactivations of the steps, and of the embedding as often as
        there are steps, divided by steps · n · B (not by m). ``rounding``: how far states are moved to the levels,
        0 to 1, if there are any.
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
        """The logits of each of these batches, and the mean of their saturations, as :meth:`saturated` gives them.

        A batch is symbols (B, n) and their span, with an n of its own and the same B. They stand side by side, an
        empty place between two, and take their steps at once: one large product a step instead of many small ones.
        A batch whose steps are done is read and taken off. ``slack``: in place of the network's own. Dropout draws
        other numbers than batch by batch.

        Raises:
            ValueError: there is no batch, or they are not of the same number of sequences.
        """
        count = len(batches[0][0]) if batches else 0
        if any(len(symbols) != count for symbols, _ in batches) or not batches:
            raise ValueError("saturated_together takes batches of the same number of sequences, at least one")
        order = sorted(range(len(batches)), key=lambda index: batches[index][0].shape[1])
        lengths = [batches[index][0].shape[1] for index in order]
        extra_steps = self.extra_steps if extra_steps is None else extra_steps
        symbols, span = (side_by_side([batches[i][part] for i in order]) for part in (0, 1))
        # of n places in T steps each counts 1 / (T n B) a step, as published, and the embedding T times
        whole = [self.answer.bias.new_full((count, n), 1 / max(1, n * count)) for n in lengths]
        parts = [each / max(1, each.shape[1] + extra_steps) for each in whole]
        worth, often = side_by_side(parts), side_by_side(whole)
        treatment = self._treatment(rounding)
        state, entering = self._begin(symbols, span, treatment)
        total, logits, taken = (entering * often).sum(), {}, 0
        for index, n in zip(order, lengths, strict=True):
            state, more = self._run(state, span, worth, range(taken, n + extra_steps), treatment)
            total, taken = total + more, n + extra_steps
            logits[index] = self.read(state[:, :n])
            state, span, worth = (each[:, n + 1 :] for each in (state, span, worth))
        return [logits[index] for index in range(len(batches))], total / len(batches)

    def _run(
        self, state: Tensor, span: Tensor, worth: Tensor, steps: range, treatment: Treatment
    ) -> tuple[Tensor, Tensor]:
        run = _diagonal_fused.run if _diagonal_fused.usable(state) else diagonal_steps
        return run(state, self.cell.tensors(), span, worth, steps, treatment)

    def _treatment(self, rounding: float | Tensor = 1.0) -> Treatment:
        grid = None if self.quantization_levels is None else Grid(self.quantization_levels, rounding)
        analogue = 1 if grid is None else 1 - rounding
        if not (self.training and self.dropout) or (isinstance(analogue, float) and not analogue):
            return Treatment(grid=grid)
        probability = 1 - self.dropout * analogue
        return Treatment(lambda like, step: self.dropout_mask(like, probability, step + 1), probability, grid)


def side_by_side(batches: Sequence[Tensor]) -> Tensor:
    """(B, n) each along the places, one of zeros between two."""
    gap = batches[0].new_zeros(len(batches[0]), 1)
    spaced = [each for batch in batches for each in (gap, batch)]
    return torch.cat(spaced[1:], 1)
