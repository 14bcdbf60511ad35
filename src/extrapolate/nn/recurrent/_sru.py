"""The simple recurrent unit of Lei & Zhang 2017: the version whose gates depend only on the input."""

import torch
from torch import Tensor, nn

from extrapolate.nn.recurrent._linear_rnn import LayerState, LinearRecurrentLayer, LinearRNN, last, long_memory_


class SRULayer(LinearRecurrentLayer):
    """One SRU layer: a scan and a highway connection. State: (c,)."""

    def __init__(self, input_size: int, hidden_size: int, bias: bool, memory: float) -> None:
        super().__init__(input_size, hidden_size)
        self.value = nn.Linear(input_size, hidden_size, False)
        self.gates = nn.Linear(input_size, 2 * hidden_size, bias)
        same = input_size == hidden_size
        self.highway = nn.Identity() if same else nn.Linear(input_size, hidden_size, False)
        if bias:
            nn.init.zeros_(self.gates.bias)
            long_memory_(self.gates.bias[:hidden_size], memory)

    def initial_state(self, x: Tensor) -> LayerState:
        return (x.new_zeros(x.shape[0], self.hidden_size),)

    def forward(self, x: Tensor, state: LayerState, reverse: bool) -> tuple[Tensor, LayerState]:
        forget, read = self.gates(x).chunk(2, -1)
        c = self.blend(forget, self.value(x), state[0], reverse)
        y = torch.sigmoid(read) * torch.tanh(c) + torch.sigmoid(-read) * self.highway(x)
        return y, (last(c, state[0], reverse),)


class SRU(LinearRNN):
    """Simple recurrent unit: c_t = f_t c_{t-1} + (1 - f_t) W x_t, h_t = r_t tanh(c_t) + (1 - r_t) x_t.

    The gates are f_t, r_t = σ(W' x_t + b). If input and hidden sizes differ, a linear layer without bias projects x_t
    in h_t. Constructor and shapes: see :class:`LinearRNN`; the state is one tensor, c. Source: Lei & Zhang 2017,
    first version (arXiv 1709.02755v1). In the later version gates depend on c, so it is not a linear recurrence.
    """

    def layer(self, input_size: int) -> SRULayer:
        return SRULayer(input_size, self.hidden_size, self.bias, self.memory)
