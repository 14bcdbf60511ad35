"""The update-gate recurrent network."""

import torch
from torch import Tensor
from torch.nn import functional as F

from extrapolate.nn.recurrent._stack import RecurrentStack, State, Weights


class UGRNN(RecurrentStack):
    """Update-gate recurrent network: one gate, and the parameters of two plain recurrent networks.

    ::

        g_t = σ(V x_t + b + U h_{t-1} + b')
        n_t = tanh(V_n x_t + b_n + U_n h_{t-1} + b'_n)
        h_t = g_t h_{t-1} + (1 - g_t) n_t

    Args:
        input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional: as in ``torch.nn.GRU``.

    ``forward(input, hx=None, *, lengths=None) -> (output, hx)``; shapes as in :class:`GRU`. torch has no such
    module; names and initial values of the parameters follow torch's scheme, with gate order (g, n). The paper's
    constant forget bias is omitted: add it to ``bias_ih_l0[:hidden_size]`` if you need it.
    Raises UserError for sizes that do not match. Source: Collins, Sohl-Dickstein & Sussillo 2017.
    """

    gates = 2

    def step(self, projected: Tensor, state: State, params: Weights) -> State:
        (h,) = state
        g, n = (projected + F.linear(h, params.weight_hh)).chunk(2, -1)
        return (torch.lerp(torch.tanh(n), h, torch.sigmoid(g)),)
