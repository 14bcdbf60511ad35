"""The plain recurrent network."""

import torch
from torch import Tensor
from torch.nn import functional as F

from extrapolate._runtime.errors import unknown_name_error
from extrapolate.nn.recurrent._stack import RecurrentStack, State, Weights

NONLINEARITIES = {"tanh": torch.tanh, "relu": torch.relu}


class RNN(RecurrentStack):
    """Elman recurrent network in plain tensor operations: a replacement for ``torch.nn.RNN`` that ``vmap`` can map.

    ::

        h_t = φ(V x_t + b + U h_{t-1} + b')

    Args:
        nonlinearity: φ, ``"tanh"`` or ``"relu"``.
        input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional: as in ``torch.nn.RNN``.

    ``forward(input, hx=None, *, lengths=None) -> (output, hx)``; shapes as in :class:`GRU`. Parameters have
    torch's names, shapes and initial values, so a ``state_dict`` of either module loads into the other.
    Raises UserError for sizes that do not match and for an unknown nonlinearity. Source: Elman 1990.
    """

    gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        if nonlinearity not in NONLINEARITIES:
            raise unknown_name_error("nonlinearity", nonlinearity, list(NONLINEARITIES))
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, device, dtype
        )
        self.nonlinearity = nonlinearity

    def step(self, projected: Tensor, state: State, params: Weights) -> State:
        (h,) = state
        return (NONLINEARITIES[self.nonlinearity](projected + F.linear(h, params.weight_hh)),)
