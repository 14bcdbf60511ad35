"""The layers that are timed: each with the recurrence as one call, and with a loop over time in its place."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch import nn as torch_nn

from extrapolate import nn

#: Features of a sequence.
FEATURES = 4

#: (units) to two layers, called as ``torch.nn.LSTM`` with ``batch_first``.
Layers = Callable[[int], torch_nn.Module]

LAYERS: dict[str, Layers] = {
    "SRU": lambda units: nn.SRU(FEATURES, units, 2, batch_first=True),
    "QRNN-2": lambda units: nn.QRNN(FEATURES, units, 2, batch_first=True, window=2),
    "QRNN-10": lambda units: nn.QRNN(FEATURES, units, 2, batch_first=True, window=10),
    "GILR-LSTM": lambda units: nn.GILRLSTM(FEATURES, units, 2, batch_first=True),
}


def lstm(units: int) -> torch_nn.Module:
    return torch_nn.LSTM(FEATURES, units, 2, batch_first=True)


def loop(a: Tensor, b: Tensor, h0: Tensor, reverse: bool) -> Tensor:
    """h_t = a_t h_{t-1} + b_t as it is written by hand. ``unbind``: the gradient of indexing is quadratic in T."""
    state, states = h0, []
    steps = list(zip(a.unbind(1), b.unbind(1), strict=True))
    for gate, token in reversed(steps) if reverse else steps:
        state = gate * state + token
        states.append(state)
    return torch.stack(states[::-1] if reverse else states, 1)


def with_loop(layers: torch_nn.Module) -> torch_nn.Module:
    """``layers``, its recurrences now carried out by :func:`loop`."""
    for layer in layers.layers:  # pyright: ignore
        vars(layer)["scan"] = loop  # found before the method of that name
        if hasattr(layer, "plain"):
            vars(layer)["run"] = layer.plain  # the fused layer holds its recurrences inside
    return layers
