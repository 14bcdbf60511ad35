"""The quasi-recurrent network (Bradbury et al. 2017): gates of a causal convolution, fo-pooling."""

import torch
from torch import Tensor, nn

from extrapolate._runtime.errors import UserError
from extrapolate.nn.recurrent._linear_rnn import LayerState, LinearRecurrentLayer, LinearRNN, last, long_memory_


class QRNNLayer(LinearRecurrentLayer):
    """One QRNN layer, computed by one scan. State: (c, the last window - 1 inputs)."""

    def __init__(self, input_size: int, hidden_size: int, bias: bool, memory: float, window: int) -> None:
        super().__init__(input_size, hidden_size)
        self.window = window
        self.gates = nn.Conv1d(input_size, 3 * hidden_size, window, bias=bias)
        if bias:
            nn.init.zeros_(self.gates.bias)  # pyright: ignore[reportArgumentType]
            long_memory_(self.gates.bias[hidden_size : 2 * hidden_size], memory)  # pyright: ignore

    def initial_state(self, x: Tensor) -> LayerState:
        rows = x.shape[0]
        return x.new_zeros(rows, self.hidden_size), x.new_zeros(rows, self.window - 1, self.input_size)

    def forward(self, x: Tensor, state: LayerState, reverse: bool) -> tuple[Tensor, LayerState]:
        c0, earlier = state
        extended = torch.cat([x, earlier] if reverse else [earlier, x], 1)
        latest = extended[:, : self.window - 1] if reverse else extended[:, x.shape[1] :]
        if not x.shape[1]:
            return x.new_zeros(x.shape[0], 0, self.hidden_size), (c0, latest)
        weight = self.gates.weight.flip(-1) if reverse else self.gates.weight
        gates = nn.functional.conv1d(extended.transpose(1, 2), weight, self.gates.bias).transpose(1, 2)
        value, forget, out = gates.chunk(3, -1)
        c = self.blend(forget, torch.tanh(value), c0, reverse)
        return torch.sigmoid(out) * c, (last(c, c0, reverse), latest)


class QRNN(LinearRNN):
    """Quasi-recurrent network: c_t = f_t c_{t-1} + (1 - f_t) z_t, h_t = o_t c_t.

    A convolution over the inputs x_{t-window+1} ... x_t computes z (with tanh), f and o (with σ). Constructor and
    shapes: see :class:`LinearRNN`; ``window`` is the number of inputs that the convolution covers. The state is
    (c, windows): ``windows`` holds, per layer and direction, the last inputs (B, window - 1, I).
    Source: Bradbury et al. 2017 (arXiv 1611.01576).
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
        window: int = 2,
        memory: float = 1000.0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        if window < 1:
            raise UserError(f"window must be 1 input or more, got {window}")
        self.window = window
        super().__init__(
            *(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional),
            memory=memory,
            device=device,
            dtype=dtype,
        )

    def layer(self, input_size: int) -> QRNNLayer:
        return QRNNLayer(input_size, self.hidden_size, self.bias, self.memory, self.window)

    def join(self, states: list[LayerState]) -> tuple[Tensor, tuple[Tensor, ...]]:
        cells, windows = zip(*states, strict=True)
        return torch.stack(cells), windows

    def split(self, state: tuple[Tensor, tuple[Tensor, ...]]) -> list[LayerState]:
        cells, windows = state
        if not len(cells) == len(windows) == len(self.layers):
            expected = f"num_layers * directions = {len(self.layers)}"
            got = f"{len(cells)} and {len(windows)}"
            raise UserError(f"state must be (c, windows), both of length {expected}, got {got}")
        return list(zip(cells.unbind(0), windows, strict=True))
