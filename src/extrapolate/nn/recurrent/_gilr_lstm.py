"""The LSTM whose gates depend on a linear surrogate state instead of its output (Martin & Cundy 2018)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from extrapolate.nn import _fused
from extrapolate.nn.recurrent import _gilr_lstm_fused
from extrapolate.nn.recurrent._linear_rnn import (
    LayerState,
    LinearRecurrentLayer,
    LinearRNN,
    last,
    long_memory_,
    one_before,
)


class GILRLSTMLayer(LinearRecurrentLayer):
    """One GILR-LSTM layer: a scan for the surrogate s, then one for the cell c. State: (s, c)."""

    def __init__(self, input_size: int, hidden_size: int, bias: bool, memory: float) -> None:
        super().__init__(input_size, hidden_size)
        self.surrogate = nn.Linear(input_size, 2 * hidden_size, bias)
        self.input = nn.Linear(input_size, 4 * hidden_size, bias)
        self.recurrent = nn.Linear(hidden_size, 4 * hidden_size, False)
        if bias:
            nn.init.zeros_(self.surrogate.bias)
            nn.init.zeros_(self.input.bias)
            long_memory_(self.surrogate.bias[:hidden_size], memory)
            long_memory_(self.input.bias[:hidden_size], memory)

    def initial_state(self, x: Tensor) -> LayerState:
        zero = x.new_zeros(x.shape[0], self.hidden_size)
        return zero, zero

    def plain(
        self,
        x: Tensor,
        s0: Tensor,
        c0: Tensor,
        surrogate: Tensor,
        surrogate_bias: Tensor,
        entering: Tensor,
        entering_bias: Tensor,
        recurrent: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return (y, s, c) from x (B, T, I) and the initial states: y (B, T, H), final states s and c (B, H).

        This is the layer's definition, in plain tensor operations.
        """
        gate, impulse = F.linear(x, surrogate, surrogate_bias).chunk(2, -1)
        s = self.blend(gate, torch.tanh(impulse), s0, False)
        gates = F.linear(x, entering, entering_bias) + F.linear(one_before(s, s0), recurrent)
        forget, enter, out, value = gates.chunk(4, -1)
        c = self.scan(torch.sigmoid(forget), torch.sigmoid(enter) * torch.tanh(value), c0, False)
        return torch.sigmoid(out) * c, last(s, s0, False), last(c, c0, False)

    def run(self, x: Tensor, *inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the same as ``plain``, by fused kernels if they support the input."""
        if _fused.usable(x):
            return _gilr_lstm_fused.gilr_lstm(self.plain, x, *inputs)
        return self.plain(x, *inputs)

    def forward(self, x: Tensor, state: LayerState, reverse: bool) -> tuple[Tensor, LayerState]:
        s0, c0 = (part.contiguous() for part in state)
        biases = self.surrogate.bias, self.input.bias
        if biases[0] is None:
            biases = x.new_zeros(2 * self.hidden_size), x.new_zeros(4 * self.hidden_size)
        weights = (self.surrogate.weight, biases[0], self.input.weight, biases[1], self.recurrent.weight)
        y, s, c = self.run(x.flip(1) if reverse else x, s0, c0, *weights)
        return y.flip(1) if reverse else y, (s, c)


class GILRLSTM(LinearRNN):
    """An LSTM computed by scans instead of a step-by-step loop; called like ``torch.nn.LSTM``.

    ::

        s_t = g_t s_{t-1} + (1 - g_t) tanh(V_j x_t + b_j),       g_t = σ(V_g x_t + b_g)
        f_t, i_t, o_t = σ(U s_{t-1} + V x_t + b),                z_t = tanh(U_z s_{t-1} + V_z x_t + b_z)
        c_t = f_t c_{t-1} + i_t z_t,                             h_t = o_t c_t

    The state is (s, c), with the shapes of h and c of ``nn.LSTM``. Unlike there, the output has no tanh. As in the
    published equations, the gates use s_{t-1}; the published code uses s_t. Constructor and shapes: see
    :class:`LinearRNN`. Source: Martin & Cundy 2018, section 3.
    """

    def layer(self, input_size: int) -> GILRLSTMLayer:
        return GILRLSTMLayer(input_size, self.hidden_size, self.bias, self.memory)
