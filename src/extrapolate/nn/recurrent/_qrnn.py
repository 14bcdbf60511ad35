"""The quasi-recurrent network (Bradbury et al. 2017): gates from a causal convolution, fo-pooling."""

import torch
from torch import Tensor, nn

from extrapolate._runtime.errors import UserError
from extrapolate.nn.recurrent._linear_rnn import LayerState, LinearRecurrentLayer, LinearRNN, last, long_memory_


class QRNNLayer(LinearRecurrentLayer):
    """One scan over gates that see ``window`` inputs; state (c, the last window - 1 inputs)."""

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
        seen = torch.cat([x, earlier] if reverse else [earlier, x], 1)
        kept = seen[:, : self.window - 1] if reverse else seen[:, x.shape[1] :]
        if not x.shape[1]:
            return x.new_zeros(x.shape[0], 0, self.hidden_size), (c0, kept)
        weight = self.gates.weight.flip(-1) if reverse else self.gates.weight
        gates = nn.functional.conv1d(seen.transpose(1, 2), weight, self.gates.bias).transpose(1, 2)
        value, forget, out = gates.chunk(3, -1)
        c = self.blend(forget, torch.tanh(value), c0, reverse)
        return torch.sigmoid(out) * c, (last(c, c0, reverse), kept)


class QRNN(LinearRNN):
    """c_t = f_t c_{t-1} + (1 - f_t) z_t, h_t = o_t c_t; z, f, o from the inputs x_{t-window+1} ... x_t.

    Constructor and shapes: see :class:`LinearRNN`, and ``window``, the number of inputs the gates see. The
    state is (c, windows), windows being a tuple with each layer's last inputs, (B, window - 1, I).
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
            raise UserError(f"window is a number of inputs, 1 or more, got {window}")
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
            wanted = f"{len(self.layers)} layers and directions"
            raise UserError(f"a state is (c, windows) for {wanted}, got {len(cells)} and {len(windows)}")
        return list(zip(cells.unbind(0), windows, strict=True))
