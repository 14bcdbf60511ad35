"""The networks that take part: symbols, two recurrent layers, and one answer after the last."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch import nn as torch_nn
from torch.nn import functional as F

from extrapolate import nn

#: (width, longest memory in steps) to two layers, called as ``torch.nn.LSTM`` with ``batch_first``.
Memory = Callable[[int, float], torch_nn.Module]


def gilr_lstm(width: int, memory: float) -> torch_nn.Module:
    return nn.GILRLSTM(width, width, 2, batch_first=True, memory=memory)


def lstm(width: int, memory: float) -> torch_nn.Module:
    """torch's own, with its forget gates begun as the other's are: it would not remember so far otherwise."""
    layers = torch_nn.LSTM(width, width, 2, batch_first=True)
    start = gilr_lstm(width, memory)
    with torch.no_grad():
        for depth, like in enumerate(start.layers):  # pyright: ignore[reportArgumentType]
            for name in ("bias_ih", "bias_hh"):
                getattr(layers, f"{name}_l{depth}").zero_()
            getattr(layers, f"bias_ih_l{depth}")[width : 2 * width] = like.input.bias[:width]
    return layers


KINDS: dict[str, Memory] = {"GILR-LSTM": gilr_lstm, "LSTM": lstm}


class Reader(torch_nn.Module):
    """Symbols (B, T) to a logit (B,): whether the first was +1.

    The one-hot symbols go through a linear map; -1 on dimension 0 is that of +1, negated.
    """

    def __init__(self, memory: Memory, symbols: int, width: int, longest: float) -> None:
        super().__init__()
        self.values = torch_nn.Parameter(torch.randn(symbols, width))
        self.memory = memory(width, longest)
        self.answer = torch_nn.Linear(width, 1)

    def forward(self, symbols: Tensor) -> Tensor:
        values = torch.cat([self.values, -self.values[:1]])
        return self.answer(self.memory(F.embedding(symbols, values))[0][:, -1])[:, 0]
