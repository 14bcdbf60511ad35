"""Base class of the Neural GPUs: a state with one position per symbol, which one cell updates at each step."""

from abc import abstractmethod
from collections import deque
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from extrapolate import ops
from extrapolate.nn._pretrained import Pretrained

#: The padding symbol after the end of a sequence. Its embedding is zeros; an output may contain it.
PAD = 0

#: Difference between the random streams of consecutive steps; a model has fewer modules that sample.
_STREAMS = 1 << 16


class CellularNetwork(Pretrained):
    """Base class: symbols (B, n) to logits (B, n, classes), by repeated steps of a cell on a state (B, n, ...).

    A step is ``cell(state) -> state`` and nothing else, so you can inspect the state after each step::

        for state in model.states(symbols): ...
        logits = model.read(state)

    A subclass defines the initial state, the cell of step t, the read-out and the default number of steps.

    Arguments of the methods:
        symbols: int64 (B, n); 0 is padding.
        steps: number of steps: an int for all sequences, or int64 (B,). In the second case a sequence keeps its state
            after its own number of steps. Default: see the subclass.
        span: bool (B, n), True at active positions; the state is zero elsewhere. It must cover the answer as well.
            Default: positions that are not padding.

    Raises ValueError for sizes out of range.
    """

    def __init__(self, symbols: int, classes: int, channels: int, dropout: float) -> None:
        super().__init__()
        if min(symbols, classes, channels) < 1:
            raise ValueError(f"symbols={symbols}, classes={classes} and channels={channels} must be at least 1")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout={dropout} must be at least 0 and below 1")
        self.symbols, self.classes, self.channels, self.dropout = symbols, classes, channels, dropout
        self.register_buffer("key", None, persistent=False)

    key: Tensor | None

    @abstractmethod
    def begin(self, symbols: Tensor, span: Tensor | None = None) -> Tensor:
        """Return the state before the first step."""

    @abstractmethod
    def cell_at(self, step: int) -> nn.Module:
        """Return the cell of step ``step``, counted from 0."""

    @abstractmethod
    def read(self, state: Tensor) -> Tensor:
        """Return the logits (B, n, classes) of a state."""

    @abstractmethod
    def default_steps(self, symbols: Tensor, span: Tensor) -> int | Tensor:
        """Return the default number of steps: an int, or int64 (B,)."""

    @abstractmethod
    def advance(self, state: Tensor, span: Tensor, step: int) -> Tensor:
        """Return the state after step ``step``, zero outside ``span``; with dropout in training mode."""

    def advance_steps(self, state: Tensor, span: Tensor, steps: range) -> Tensor:
        """Return the state after all ``steps``, the same as repeated :meth:`advance`."""
        for step in steps:
            state = self.advance(state, span, step)
        return state

    def states(
        self, symbols: Tensor, steps: int | Tensor | None = None, span: Tensor | None = None
    ) -> Iterator[Tensor]:
        """Yield the state before the first step, then the state after each step."""
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
        """Sample bool of the shape of ``like`` for step ``step``: True, with ``probability``, where values are kept.

        It is a pure function of the step and the buffer ``key`` (int64, ``seed, stream, step``). If ``key`` is None,
        it comes from torch's global generator.
        """
        if self.key is None:
            return torch.rand_like(like) < probability
        offset = torch.tensor([0, _STREAMS * (step + 1), 0], device=like.device)
        return ops.uniform(self.key + offset, like.shape) < probability

    def extra_repr(self) -> str:
        return f"{self.symbols}, {self.classes}, {self.channels}, dropout={self.dropout}"


def span_of(symbols: Tensor) -> Tensor:
    """Return bool (B, n): True where symbols are not padding; for symbols (B, n, rows), in any row."""
    present = symbols != PAD
    return present if present.dim() == 2 else present.any(-1)


def spread(rows: Tensor, like: Tensor) -> Tensor:
    """Append axes of size 1 to ``rows`` (B, ...), so that it broadcasts against ``like``."""
    return rows.reshape(*rows.shape, *[1] * (like.dim() - rows.dim()))
