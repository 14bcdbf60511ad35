"""The long short-term memory."""

import torch
from torch import Tensor
from torch.nn import functional as F

from extrapolate.nn.recurrent._stack import RecurrentStack, State, Weights


class LSTM(RecurrentStack):
    """Long short-term memory in plain tensor operations: a replacement for ``torch.nn.LSTM`` that ``vmap`` can map.

    ::

        i_t, f_t, o_t = σ(V x_t + b + U h_{t-1} + b')
        g_t           = tanh(V_g x_t + b_g + U_g h_{t-1} + b'_g)
        c_t           = f_t c_{t-1} + i_t g_t,        h_t = o_t tanh(c_t)

    Args:
        input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional: as in ``torch.nn.LSTM``.
        proj_size: if above 0, h_t = W o_t tanh(c_t) has this size P, and the output has D·P features.

    ``forward(input, hx=None, *, lengths=None) -> (output, (h, c))``, with the shapes of ``torch.nn.LSTM``:
    ``input`` (T, B, I), ``output`` (T, B, D·H), h and c (num_layers·D, B, H). See :class:`GRU` for the other
    forms of the input and for ``lengths``. Parameters have torch's names, shapes, gate order (i, f, g, o) and initial
    values, so a ``state_dict`` of either module loads into the other. Raises UserError for sizes that do not match.
    Source: Hochreiter & Schmidhuber 1997, forget gate of Gers et al. 2000, projection of Sak et al. 2014.
    """

    gates = 4

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        self.proj_size = proj_size  # first: the base class creates parameters whose shapes depend on it
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, device, dtype
        )

    @property
    def state_sizes(self) -> tuple[int, ...]:
        return self.output_size, self.hidden_size

    def step(self, projected: Tensor, state: State, params: Weights) -> State:
        h, c = state
        i, f, g, o = (projected + F.linear(h, params.weight_hh)).chunk(4, -1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        return h if params.weight_hr is None else F.linear(h, params.weight_hr), c
