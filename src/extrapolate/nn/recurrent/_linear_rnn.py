"""Base classes of stacked linear recurrent layers, called like ``torch.nn.LSTM``."""

import math
from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

from extrapolate._runtime.errors import UserError
from extrapolate.ops import linear_recurrence

#: A layer's state, which one call returns and the next call takes: tensors (B, ...).
LayerState = tuple[Tensor, ...]


class LinearRecurrentLayer(nn.Module):
    """Base class of one layer in one direction; a :class:`LinearRNN` stacks such layers.

    A subclass defines ``initial_state`` and ``forward(x (B, T, I), state, reverse) -> (y (B, T, H), state)``. With
    ``reverse`` it runs from the last step to the first.
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size

    @abstractmethod
    def initial_state(self, x: Tensor) -> LayerState:
        """Return the initial state for input ``x`` (B, T, I)."""

    def scan(self, a: Tensor, b: Tensor, h0: Tensor, reverse: bool) -> Tensor:
        """Return h_t = a_t h_{t-1} + b_t, (B, T, H): the only operation across steps; a subclass may override it."""
        return linear_recurrence(a, b, h0, reverse=reverse)

    def blend(self, gate: Tensor, value: Tensor, state: Tensor, reverse: bool) -> Tensor:
        """Return h_t = g_t h_{t-1} + (1 - g_t) v_t with g = σ(gate), v = value, (B, T, H).

        1 - g is computed as σ(-gate). If g is close to 1, so that a state lasts for thousands of steps, the
        difference would be inaccurate because of rounding.
        """
        return self.scan(torch.sigmoid(gate), torch.sigmoid(-gate) * value, state, reverse)

    @abstractmethod
    def forward(self, x: Tensor, state: LayerState, reverse: bool) -> tuple[Tensor, LayerState]: ...


def long_memory_(bias: Tensor, memory: float) -> None:
    """Fill gate biases so that the time constants, 1 + e^bias steps, are log-spaced over [2, memory]."""
    with torch.no_grad():
        spread = torch.linspace(math.log(2.0), math.log(memory), bias.numel(), dtype=torch.float64)
        bias.copy_((spread.exp() - 1).log())


def last(h: Tensor, state: Tensor, reverse: bool) -> Tensor:
    """Return the state after the last step of h (B, T, H); ``state``, the initial one, if T = 0."""
    return (h[:, 0] if reverse else h[:, -1]) if h.shape[1] else state


def one_before(h: Tensor, state: Tensor) -> Tensor:
    """Return h_{t-1} for every t, (B, T, H), starting with ``state``."""
    return torch.cat([state.unsqueeze(1), h], 1)[:, :-1]


class LinearRNN(nn.Module):
    """Base class of a stack of linear recurrent layers, called like ``torch.nn.LSTM``.

    Args:
        input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional: as in ``torch.nn.LSTM``.
        memory: number of steps in which the slowest initial gate forgets a state to 1/e of it.

    ``forward(x, state=None) -> (y, state)``, with x (T, B, I), or (B, T, I) with ``batch_first``, or (T, I). y has
    the shape of x, with H features (2 H if bidirectional). A state tensor is (num_layers * directions, B, H), as in
    ``nn.LSTM``. Raises UserError for sizes that do not match.

    A subclass defines ``layer``, which creates one layer.
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
            sizes = f"input_size={input_size}, hidden_size={hidden_size} and num_layers={num_layers}"
            raise UserError(f"{sizes} must be 1 or more")
        if not 0.0 <= dropout <= 1.0:
            raise UserError(f"dropout must be a probability from 0 to 1, got {dropout}")
        if memory < 2:
            raise UserError(f"memory must be 2 steps or more, got {memory}")
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
        """Return a new layer with ``input_size`` inputs."""

    def join(self, states: list[LayerState]) -> Any:
        """Return the layers' states as one tensor, or a tuple of tensors, (num_layers * directions, B, H)."""
        joined = tuple(torch.stack(parts) for parts in zip(*states, strict=True))
        return joined[0] if len(joined) == 1 else joined

    def split(self, state: Any) -> list[LayerState]:
        """Return the layers' states from the result of ``join``."""
        parts = (state,) if isinstance(state, Tensor) else tuple(state)
        if any(len(part) != len(self.layers) for part in parts):
            got = ", ".join(str(tuple(part.shape)) for part in parts)
            raise UserError(f"first size of state must be num_layers * directions = {len(self.layers)}, got {got}")
        return list(zip(*(part.unbind(0) for part in parts), strict=True))

    def _batch_first(self, x: Tensor) -> Tensor:
        if not isinstance(x, Tensor):
            raise UserError(f"{type(self).__name__} takes a padded tensor, got {type(x).__name__}: pad it first")
        if x.dim() not in (2, 3) or x.shape[-1] != self.input_size:
            expected = ("(B, T, {0}) or (T, {0})" if self.batch_first else "(T, B, {0}) or (T, {0})").format(
                self.input_size
            )
            raise UserError(f"{type(self).__name__} takes input of shape {expected}, got {tuple(x.shape)}")
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
