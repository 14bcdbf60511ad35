"""What the Neural GPUs share: a place for each symbol, changed everywhere at once by one cell, step after step."""

from abc import abstractmethod
from collections import deque
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from extrapolate import ops
from extrapolate.nn._pretrained import Pretrained

#: The symbol that stands behind the end of a sequence; it is embedded as zeros, and an answer may contain it.
PAD = 0

#: Streams of random numbers are this far apart from step to step: a model has fewer parts that draw.
_STREAMS = 1 << 16


class CellularNetwork(Pretrained):
    """Symbols (B, n) to logits (B, n, classes) by a cell that is applied over and over to a state (B, n, ...).

    ``cell(state) -> state`` is all that happens in a step, so the state can be looked at after each of them::

        for state in model.states(symbols): ...
        logits = model.read(state)

    A subclass says how a state begins, which cell takes step t, how the state is read, and how many steps there are
    unless told.

    Common arguments:
        symbols: int64 (B, n); 0 is the padding.
        steps: how often the cell is applied: one number for all, or int64 (B,), where a sequence whose steps are
            done stays as it is. Default: the subclass says.
        span: bool (B, n), the places that take part; elsewhere the state is zero. It must hold the answer as well.
            Default: where symbols are not padding.
    """

    def __init__(self, symbols: int, classes: int, channels: int, dropout: float) -> None:
        super().__init__()
        if min(symbols, classes, channels) < 1:
            raise ValueError(f"symbols={symbols}, classes={classes} and maps={channels} must be at least 1")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout={dropout} must be at least 0 and below 1")
        self.symbols, self.classes, self.channels, self.dropout = symbols, classes, channels, dropout
        self.register_buffer("key", None, persistent=False)

    key: Tensor | None

    @abstractmethod
    def begin(self, symbols: Tensor, span: Tensor | None = None) -> Tensor:
        """The state before the first step."""

    @abstractmethod
    def cell_at(self, step: int) -> nn.Module:
        """The cell that takes step ``step``, counted from 0."""

    @abstractmethod
    def read(self, state: Tensor) -> Tensor:
        """Logits (B, n, classes) from a state."""

    @abstractmethod
    def default_steps(self, symbols: Tensor, span: Tensor) -> int | Tensor:
        """The steps that are taken unless told."""

    @abstractmethod
    def advance(self, state: Tensor, span: Tensor, step: int) -> Tensor:
        """The state after step ``step``, zero outside ``span``; with dropout while training."""

    def advance_steps(self, state: Tensor, span: Tensor, steps: range) -> Tensor:
        """The state after these steps, as :meth:`advance` after :meth:`advance`."""
        for step in steps:
            state = self.advance(state, span, step)
        return state

    def states(
        self, symbols: Tensor, steps: int | Tensor | None = None, span: Tensor | None = None
    ) -> Iterator[Tensor]:
        """The state before the first step, and after each."""
        span = span_of(symbols) if span is None else span
        state = self.begin(symbols, span)
        yield state
        steps = self.default_steps(symbols, span) if steps is None else steps
        for step in range(steps if isinstance(steps, int) else int(steps.max())):
            after = self.advance(state, span, step)
            if isinstance(steps, Tensor):
                after = torch.where(spread(step < steps, after), after, state)
            state = after
            yield state

    def forward(self, symbols: Tensor, steps: int | Tensor | None = None, span: Tensor | None = None) -> Tensor:
        (state,) = deque(self.states(symbols, steps, span), maxlen=1)
        return self.read(state)

    def dropout_mask(self, like: Tensor, probability: float | Tensor, step: int) -> Tensor:
        """bool, of the shape of ``like``: what dropout leaves in step ``step``, each with ``probability``.

        The buffer ``key`` (int64, ``seed, stream, step``; None: torch's global generator) makes it a pure function
        of the key and the step.
        """
        if self.key is None:
            return torch.rand_like(like) < probability
        offset = torch.tensor([0, _STREAMS * (step + 1), 0], device=like.device)
        return ops.uniform(self.key + offset, like.shape) < probability

    def extra_repr(self) -> str:
        return f"{self.symbols}, {self.classes}, {self.channels}, dropout={self.dropout}"


def span_of(symbols: Tensor) -> Tensor:
    """bool (B, n): where there are symbols; for (B, n, rows), in any row."""
    there = symbols != PAD
    return there if there.dim() == 2 else there.any(-1)


def spread(rows: Tensor, like: Tensor) -> Tensor:
    """``rows`` (B, ...) with as many axes as ``like``, to broadcast against it."""
    return rows.reshape(*rows.shape, *[1] * (like.dim() - rows.dim()))
