"""The layers that are timed: each with the recurrence as one call, and with a loop over time in its place."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch import nn as torch_nn

from extrapolate import nn
from extrapolate.ops import linear_recurrence

#: Features of a sequence.
FEATURES = 4

#: What is timed.
Work = Callable[[], object]

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
    """``layers``, their recurrences now computed by :func:`loop`."""
    for layer in layers.layers:  # pyright: ignore
        vars(layer)["scan"] = loop  # found before the method of that name
        if hasattr(layer, "plain"):
            vars(layer)["run"] = layer.plain  # the fused layer holds its recurrences inside
    return layers


def recurrence_sides(length: int, width: int, device: str) -> dict[str, Work]:
    """The bare recurrence, forward, on one sequence: as one call and as a loop."""
    shape = (1, length, width)
    a, b, h0 = torch.rand(shape), torch.rand(shape), torch.zeros(1, width)
    a, b, h0 = (each.to(device) for each in (a, b, h0))
    return {
        "ours": _until_done(device, lambda: linear_recurrence(a, b, h0)),
        "loop": _until_done(device, lambda: loop(a, b, h0, False)),
    }


def layer_sides(name: str, units: int, batch: int, length: int, device: str) -> dict[str, Work]:
    """A training step of two layers: as one call, as a loop, and of an LSTM of the same sizes."""
    x = torch.randn((batch, length, FEATURES), device=device)
    kinds = {"ours": LAYERS[name](units), "loop": with_loop(LAYERS[name](units)), "lstm": lstm(units)}
    return {side: _training_step(layers.to(device), x) for side, layers in kinds.items()}


def _training_step(layers: torch_nn.Module, x: Tensor) -> Work:
    def work() -> None:
        layers.zero_grad()
        layers(x)[0].sum().backward()

    return _until_done(x.device.type, work)


def _until_done(device: str, work: Work) -> Work:
    """On a GPU, wait for the end of the work, so that all its time is measured."""
    if device == "cpu":
        return work

    def waited() -> None:
        work()
        torch.cuda.synchronize()

    return waited
