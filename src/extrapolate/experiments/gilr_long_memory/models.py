"""The networks that take part: two recurrent layers, and one answer after the last element."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch import nn as torch_nn

from extrapolate import nn

#: (features, width, longest memory in steps) to two layers, called as ``torch.nn.LSTM`` with ``batch_first``.
Memory = Callable[[int, int, float], torch_nn.Module]


def gilr_lstm(features: int, width: int, memory: float) -> torch_nn.Module:
    layers = nn.GILRLSTM(features, width, 2, batch_first=True, memory=memory)
    _for_one_hot_(*(layers.get_parameter(f"layers.0.{name}.weight") for name in ("input", "surrogate")))
    return layers


def _for_one_hot_(*weights: Tensor) -> None:
    """U(-1, 1): of a one-hot input only one weight counts at a time, whatever their number."""
    for each in weights:
        torch_nn.init.uniform_(each, -1.0, 1.0)


def lstm(features: int, width: int, memory: float) -> torch_nn.Module:
    """torch's own, begun as the other is: it would not remember so far otherwise."""
    layers = torch_nn.LSTM(features, width, 2, batch_first=True)
    _for_one_hot_(layers.get_parameter("weight_ih_l0"))
    start = gilr_lstm(features, width, memory)
    with torch.no_grad():
        for depth, like in enumerate(start.layers):  # pyright: ignore[reportArgumentType]
            for name in ("bias_ih", "bias_hh"):
                getattr(layers, f"{name}_l{depth}").zero_()
            getattr(layers, f"bias_ih_l{depth}")[width : 2 * width] = like.input.bias[:width]
    return layers


KINDS: dict[str, Memory] = {"GILR-LSTM": gilr_lstm, "LSTM": lstm}


class Reader(torch_nn.Module):
    """Sequences (B, T, F) to a logit (B,): whether the first element was +1."""

    def __init__(self, memory: Memory, features: int, width: int, longest: float) -> None:
        super().__init__()
        self.memory = memory(features, width, longest)
        self.answer = torch_nn.Linear(width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.answer(self.memory(x)[0][:, -1])[:, 0]
