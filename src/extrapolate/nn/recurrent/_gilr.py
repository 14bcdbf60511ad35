"""The gated impulse linear recurrent layer (Martin & Cundy 2018)."""

import torch
from torch import Tensor, nn

from extrapolate.nn.recurrent._linear_rnn import LayerState, LinearRecurrentLayer, LinearRNN, last, long_memory_


class GILRLayer(LinearRecurrentLayer):
    """One GILR layer; see :class:`GILR`. State: (h,)."""

    def __init__(self, input_size: int, hidden_size: int, bias: bool, memory: float) -> None:
        super().__init__(input_size, hidden_size)
        self.input = nn.Linear(input_size, 2 * hidden_size, bias)
        if bias:
            nn.init.zeros_(self.input.bias)
            long_memory_(self.input.bias[:hidden_size], memory)

    def initial_state(self, x: Tensor) -> LayerState:
        return (x.new_zeros(x.shape[0], self.hidden_size),)

    def forward(self, x: Tensor, state: LayerState, reverse: bool) -> tuple[Tensor, LayerState]:
        gate, impulse = self.input(x).chunk(2, -1)
        h = self.blend(gate, torch.tanh(impulse), state[0], reverse)
        return h, (last(h, state[0], reverse),)


class GILR(LinearRNN):
    """Gated impulse linear recurrence: h_t = g_t h_{t-1} + (1 - g_t) tanh(V x_t + b_z).

    The gate g_t = σ(U x_t + b_g) depends only on the input, so one scan computes all steps. It is called like
    ``torch.nn.GRU``: the state is one tensor. Constructor and shapes: see :class:`LinearRNN`. Source: Martin & Cundy
    2018, section 3.
    """

    def layer(self, input_size: int) -> GILRLayer:
        return GILRLayer(input_size, self.hidden_size, self.bias, self.memory)
