"""Layers of linear recurrences stacked, called as ``torch.nn.LSTM`` is."""

import math
from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

from extrapolate._runtime.errors import UserError
from extrapolate.ops import linear_recurrence

#: A layer's state: what one call hands to the next, each (B, ...).
LayerState = tuple[Tensor, ...]


class LinearRecurrentLayer(nn.Module):
    """One layer in one direction. A subclass gives ``forward`` and ``initial_state``; a stack does the rest.

    ``forward(x (B, T, I), state, reverse) -> (y (B, T, H), state)``; with ``reverse`` from last to first.
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size

    @abstractmethod
    def initial_state(self, x: Tensor) -> LayerState:
        """The state a sequence begins with, for input ``x`` (B, T, I)."""

    def scan(self, a: Tensor, b: Tensor, h0: Tensor, reverse: bool) -> Tensor:
        """h_t = a_t h_{t-1} + b_t, (B, T, H): what walks along time; a subclass may do it in its own way."""
        return linear_recurrence(a, b, h0, reverse=reverse)

    def blend(self, gate: Tensor, value: Tensor, state: Tensor, reverse: bool) -> Tensor:
        """h_t = g h_{t-1} + (1 - g) v_t with g = σ(gate), (B, T, H).

        1 - g is taken as σ(-gate): the difference would lose its digits where a gate holds for thousands of steps.
        """
        return self.scan(torch.sigmoid(gate), torch.sigmoid(-gate) * value, state, reverse)

    @abstractmethod
    def forward(self, x: Tensor, state: LayerState, reverse: bool) -> tuple[Tensor, LayerState]: ...


def long_memory_(bias: Tensor, memory: float) -> None:
    """Gate biases whose time constants, 1 + e^bias steps, spread evenly in logarithm over [2, memory]."""
    with torch.no_grad():
        spread = torch.linspace(math.log(2.0), math.log(memory), bias.numel(), dtype=torch.float64)
        bias.copy_((spread.exp() - 1).log())


def last(h: Tensor, state: Tensor, reverse: bool) -> Tensor:
    """The state after the last step; the one before it where there was none."""
    return (h[:, 0] if reverse else h[:, -1]) if h.shape[1] else state


def one_before(h: Tensor, state: Tensor) -> Tensor:
    """h_{t-1} at every t, (B, T, H): begins with ``state``."""
    return torch.cat([state.unsqueeze(1), h], 1)[:, :-1]


class LinearRNN(nn.Module):
    """A stack of linear recurrent layers, with the call of ``torch.nn.LSTM``.

    Args:
        input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional: as ``nn.LSTM`` has them.
        memory: the longest time constant, in steps, that the gates begin with.

    ``forward(x, state=None) -> (y, state)``; x (T, B, I), or (B, T, I) with ``batch_first``, or (T, I). y is as x
    with H features (2 H if bidirectional); a state tensor is (num_layers * directions, B, H), as in nn.LSTM.

    A subclass makes its layers in ``layer``.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        memory: float = 1000.0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if min(input_size, hidden_size, num_layers) < 1:
            raise UserError("input_size, hidden_size and num_layers must be 1 or more")
        if not 0.0 <= dropout <= 1.0:
            raise UserError(f"dropout is a share from 0 to 1, got {dropout}")
        if memory < 2:
            raise UserError(f"memory is a number of steps, 2 or more, got {memory}")
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout, self.bidirectional = (
            bias,
            batch_first,
            dropout,
            bidirectional,
        )
        self.memory = memory
        directions = 2 if bidirectional else 1
        widths = [input_size] + [hidden_size * directions] * (num_layers - 1)
        self.layers = nn.ModuleList(self.layer(width) for width in widths for _ in range(directions))
        self.to(device=device, dtype=dtype)

    @abstractmethod
    def layer(self, input_size: int) -> LinearRecurrentLayer:
        """A new layer for this many inputs."""

    def join(self, states: list[LayerState]) -> Any:
        """The layers' states as the caller sees them: a tensor, or a tuple of them."""
        joined = tuple(torch.stack(parts) for parts in zip(*states, strict=True))
        return joined[0] if len(joined) == 1 else joined

    def split(self, state: Any) -> list[LayerState]:
        """The inverse of ``join``."""
        parts = (state,) if isinstance(state, Tensor) else tuple(state)
        if any(len(part) != len(self.layers) for part in parts):
            got = ", ".join(str(tuple(part.shape)) for part in parts)
            raise UserError(f"a state begins with num_layers * directions = {len(self.layers)}, got {got}")
        return list(zip(*(part.unbind(0) for part in parts), strict=True))

    def _batch_first(self, x: Tensor) -> Tensor:
        if not isinstance(x, Tensor):
            raise UserError(f"{type(self).__name__} takes a padded tensor, not {type(x).__name__}: pad it first")
        if x.dim() not in (2, 3) or x.shape[-1] != self.input_size:
            shape = tuple(x.shape)
            raise UserError(f"{type(self).__name__} takes (..., time, {self.input_size}) features, got {shape}")
        return x.unsqueeze(0) if x.dim() == 2 else x if self.batch_first else x.transpose(0, 1)

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        y = self._batch_first(x)
        before = None if state is None else self.split(state)
        if before is not None and x.dim() == 2:
            before = [tuple(part.unsqueeze(0) for part in parts) for parts in before]
        after: list[LayerState] = []
        directions = 2 if self.bidirectional else 1
        for depth in range(self.num_layers):
            outputs = []
            for direction in range(directions):
                index = depth * directions + direction
                layer = self.layers[index]
                assert isinstance(layer, LinearRecurrentLayer)
                start = layer.initial_state(y) if before is None else before[index]
                output, end = layer(y, start, direction == 1)
                outputs.append(output)
                after.append(end)
            y = outputs[0] if directions == 1 else torch.cat(outputs, -1)
            if self.dropout and depth + 1 < self.num_layers:
                y = nn.functional.dropout(y, self.dropout, self.training)
        if x.dim() == 2:
            after = [tuple(part.squeeze(0) for part in parts) for parts in after]
            return y.squeeze(0), self.join(after)
        return y if self.batch_first else y.transpose(0, 1), self.join(after)

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}, num_layers={self.num_layers}"
