"""The gated recurrent unit."""

import torch
from torch import Tensor
from torch.nn import functional as F

from extrapolate.nn.recurrent._stack import RecurrentStack, State, Weights


class GRU(RecurrentStack):
    """Gated recurrent unit in plain tensor operations: a replacement for ``torch.nn.GRU`` that ``vmap`` can map.

    ::

        r_t, z_t = σ(V x_t + b + U h_{t-1} + b')
        n_t      = tanh(V_n x_t + b_n + r_t (U_n h_{t-1} + b'_n))
        h_t      = (1 - z_t) n_t + z_t h_{t-1}

    Args:
        input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional: as in ``torch.nn.GRU``.

    ``forward(input, hx=None, *, lengths=None) -> (output, hx)``. Shapes, with D = 2 if bidirectional, else 1:

    * ``input``: (T, B, I), or (B, T, I) with ``batch_first``, or (T, I) unbatched, or a ``PackedSequence``.
    * ``output``: as ``input``, with D·H features.
    * ``hx``: (num_layers·D, B, H), or (num_layers·D, H) unbatched. None: zeros.
    * ``lengths``: int64 (B,), from 0 to T: the length of each padded sequence. The output is 0 after the end of
      a sequence. The final state is the one at its end, where the reverse direction starts.

    Parameters have torch's names, shapes, gate order (r, z, n) and initial values, so a ``state_dict`` of either
    module loads into the other. Raises UserError for sizes that do not match.
    Source: Cho et al. 2014, in cuDNN's form.
    """

    gates = 3

    def project(self, x: Tensor, params: Weights) -> Tensor:
        return F.linear(x, params.weight_ih, params.bias_ih)  # r_t multiplies the other bias

    def step(self, projected: Tensor, state: State, params: Weights) -> State:
        (h,) = state
        projected_r, projected_z, projected_n = projected.chunk(3, -1)
        recurrent_r, recurrent_z, recurrent_n = F.linear(h, params.weight_hh, params.bias_hh).chunk(3, -1)
        r, z = torch.sigmoid(projected_r + recurrent_r), torch.sigmoid(projected_z + recurrent_z)
        n = torch.tanh(projected_n + r * recurrent_n)
        return (torch.lerp(n, h, z),)
