"""Networks for functions of two sums: one layer makes the sums, another the answer."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch import nn as torch_nn

from extrapolate import nn
from extrapolate.experiments.cells import LSTM

Layer = Callable[[int, int], torch_nn.Module]

#: ``build(in_features, hidden)``: a network of inputs (T, B, I) to answers (B, 1).
Build = Callable[[int, int], torch_nn.Module]


@dataclass(frozen=True)
class Pair:
    """Two layers; ``width``: units between them, None for the ``hidden`` of the configuration."""

    first: Layer
    second: Layer
    width: int | None = 2


class Static(torch_nn.Module):
    """A single step (1, B, I) to answers (B, 1): one layer on the other."""

    def __init__(self, pair: Pair, in_features: int, hidden: int) -> None:
        super().__init__()
        width = pair.width or hidden
        self.first = pair.first(in_features, width)
        self.second = pair.second(width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.first(x[0]))


class Recurrent(torch_nn.Module):
    """Steps (T, B, I) to answers (B, 1): the first layer maps state and inputs to the next state, from zeros."""

    def __init__(self, pair: Pair, in_features: int, hidden: int) -> None:
        super().__init__()
        self.width = pair.width or hidden
        self.first = pair.first(self.width + in_features, self.width)
        self.second = pair.second(self.width, 1)

    def forward(self, x: Tensor) -> Tensor:
        state = x.new_zeros(x.shape[1], self.width)
        for now in x.unbind(0):
            state = self.first(torch.cat([state, now], -1))
        return self.second(state)


class Remembering(torch_nn.Module):
    """Steps (T, B, I) to answers (B, 1): a linear layer on the last output of an LSTM."""

    def __init__(self, in_features: int, hidden: int) -> None:
        super().__init__()
        self.layer = LSTM(in_features, hidden)
        self.read_out = torch_nn.Linear(hidden, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.read_out(self.layer(x)[-1])


def _relu6(in_features: int, width: int) -> torch_nn.Module:
    return torch_nn.Sequential(torch_nn.Linear(in_features, width), torch_nn.ReLU6())


PAIRS: dict[str, Pair] = {
    "ReLU6": Pair(_relu6, torch_nn.Linear, width=None),
    "Linear": Pair(torch_nn.Linear, torch_nn.Linear, width=None),
    "NAC": Pair(nn.NAC, nn.NAC),
    "NALU": Pair(nn.NALU, nn.NALU),
    "NAC-NACMul": Pair(nn.NAC, nn.NACMul),
    "NAU-NMU": Pair(nn.NAU, nn.NMU),
}

#: By name, the networks for vectors and those for sequences.
STATIC: dict[str, Build] = {name: partial(Static, pair) for name, pair in PAIRS.items()}
RECURRENT: dict[str, Build] = {
    "LSTM": Remembering,
    **{name: partial(Recurrent, pair) for name, pair in PAIRS.items()},
}
