"""The networks that take part: a layer that makes the sums, and one that makes the answer of them."""

from collections.abc import Callable
from dataclasses import dataclass

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
    """Two layers; ``width``: of what is between them, None for as wide as is asked for."""

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
    """Steps (T, B, I) to answers (B, 1): the first layer makes the next state of state and inputs, from zeros."""

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


def _activated(activation: Callable[[], torch_nn.Module]) -> Layer:
    return lambda in_features, width: torch_nn.Sequential(torch_nn.Linear(in_features, width), activation())


PAIRS: dict[str, Pair] = {
    "ReLU6": Pair(_activated(torch_nn.ReLU6), torch_nn.Linear, width=None),
    "Linear": Pair(torch_nn.Linear, torch_nn.Linear, width=None),
    "NAC": Pair(nn.NAC, nn.NAC),
    "NALU": Pair(nn.NALU, nn.NALU),
    "NAC-NACMul": Pair(nn.NAC, nn.NACMul),
    "NAU-NMU": Pair(nn.NAU, nn.NMU),
}


def _of_pairs(network: Callable[[Pair, int, int], torch_nn.Module]) -> dict[str, Build]:
    def build(pair: Pair) -> Build:
        return lambda in_features, hidden: network(pair, in_features, hidden)

    return {name: build(pair) for name, pair in PAIRS.items()}


#: By name, the networks for vectors and those for sequences.
STATIC: dict[str, Build] = _of_pairs(Static)
RECURRENT: dict[str, Build] = {"LSTM": Remembering, **_of_pairs(Recurrent)}
