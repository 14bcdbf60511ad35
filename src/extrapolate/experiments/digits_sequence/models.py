"""The networks that take part: an eye that looks at each image, then something that remembers."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch import nn as torch_nn

from extrapolate import nn
from extrapolate.experiments.cells import GRU, LSTM, RNN
from extrapolate.experiments.eye import Eye

#: What the eye gives of an image; the size of the recurrent networks' state.
FEATURES, HIDDEN = 10, 32


class Recurrent(torch_nn.Module):
    """Features (T, B, F) to answers (B, O): a linear layer on the last output of a recurrent one."""

    def __init__(self, layer: Callable[[int, int], torch_nn.Module], out_features: int) -> None:
        super().__init__()
        self.layer = layer(FEATURES, HIDDEN)
        self.read_out = torch_nn.Linear(HIDDEN, out_features)

    def forward(self, features: Tensor) -> Tensor:
        return self.read_out(self.layer(features)[-1])


class Accumulator(torch_nn.Module):
    """Features (T, B, F) to answers (B, O): the unit of the answer so far and the features gives the next."""

    def __init__(self, unit: Callable[[int, int], torch_nn.Module], out_features: int) -> None:
        super().__init__()
        self.out_features = out_features
        self.unit = unit(out_features + FEATURES, out_features)

    def forward(self, features: Tensor) -> Tensor:
        answer = features.new_zeros(features.shape[1], self.out_features)
        for now in features.unbind(0):
            answer = self.unit(torch.cat([answer, now], -1))
        return answer


class Reader(torch_nn.Module):
    """Images (T, B, 1, S, S) to answers (B, O)."""

    def __init__(self, size: int, memory: torch_nn.Module) -> None:
        super().__init__()
        self.eye = Eye(size, FEATURES)
        self.memory = memory

    def forward(self, images: Tensor) -> Tensor:
        return self.memory(self.eye(images))


@dataclass(frozen=True)
class Kind:
    """``memory``: made from the number of outputs; ``penalty``: the scale of its units' own penalty."""

    memory: Callable[[int], torch_nn.Module]
    penalty: float = 0.0


KINDS: dict[str, Kind] = {
    "LSTM": Kind(lambda outputs: Recurrent(LSTM, outputs)),
    "GRU": Kind(lambda outputs: Recurrent(GRU, outputs)),
    "RNN": Kind(lambda outputs: Recurrent(RNN, outputs)),
    "NAC": Kind(lambda outputs: Accumulator(nn.NAC, outputs)),
    "NALU": Kind(lambda outputs: Accumulator(nn.NALU, outputs)),
    "NAU": Kind(lambda outputs: Accumulator(nn.NAU, outputs), penalty=0.01),
}
