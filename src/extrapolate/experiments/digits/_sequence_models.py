"""The networks of digits-sequence: an image encoder, then a recurrent network or an accumulator."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch import nn as torch_nn

from extrapolate import nn
from extrapolate.experiments.cells import GRU, LSTM, RNN
from extrapolate.experiments.digits._images import DeepEncoder
from extrapolate.nn.contract import Arithmetic
from extrapolate.tasks import DIGIT_RULES, DigitRule

#: Makes a layer from its numbers of inputs and outputs.
Make = Callable[[int, int], torch_nn.Module]


class Accumulator(torch_nn.Module):
    """Maps features (T, B, O) to answers (T, B, O): a unit maps (previous answer, features) to the next answer."""

    def __init__(self, build_layer: Make, out_features: int, initial: float) -> None:
        super().__init__()
        self.initial = initial
        self.layer = build_layer(2 * out_features, out_features)

    def forward(self, features: Tensor) -> Tensor:
        answer, answers = torch.full_like(features[0], self.initial), []
        for now in features.unbind(0):
            answer = self.layer(torch.cat([answer, now], -1))
            answers.append(answer)
        return torch.stack(answers)

    def unused(self, features: Tensor, answers: Tensor) -> Tensor:
        """Return R_z, the regulariser of Madsen & Johansen: the mean of (1 - |W|) (z - x̄)² over the weights W.

        x̄ is the mean of the weight's input, z is ``initial``: R_z pulls inputs that the unit does not use to z.
        """
        assert isinstance(self.layer, Arithmetic)
        before = torch.cat([torch.full_like(answers[:1], self.initial), answers[:-1]])
        inputs = torch.cat([before, features], -1).mean((0, 1))
        return ((1 - self.layer.effective_weight().abs()) * (self.initial - inputs).square()).mean()


class LinearAccumulator(Accumulator):
    """An accumulator with a unit y = W x: W, and its product with the features of all images, are computed once."""

    def forward(self, features: Tensor) -> Tensor:
        assert isinstance(self.layer, Arithmetic)
        of_answer, of_features = self.layer.effective_weight().chunk(2, -1)
        summands = features @ of_features.mT
        answer, answers = torch.full_like(summands[0], self.initial), []
        for now in summands.unbind(0):
            answer = torch.addmm(now, answer, of_answer.mT)
            answers.append(answer)
        return torch.stack(answers)


class Perfect(torch_nn.Module):
    """A unit with exact weights: answer × features if answers start from 1, answer + features if from 0."""

    def __init__(self, initial: float) -> None:
        super().__init__()
        self.initial = initial

    def forward(self, x: Tensor) -> Tensor:
        answer, features = x.chunk(2, -1)
        return answer * features if self.initial else answer + features


class Reader(torch_nn.Module):
    """Maps images (T, B, 1, S, S) to the answer after each image, (T, B, O)."""

    def __init__(self, size: int, features: int, memory: torch_nn.Module) -> None:
        super().__init__()
        self.encoder = DeepEncoder(size, features)
        self.memory = memory

    def forward(self, images: Tensor) -> Tensor:
        return self.memory(self.encoder(images))

    def encode(self, images: Tensor, chosen: Tensor) -> Tensor:
        """Return the features (T, B, F) of ``images[chosen]``, with ``chosen`` (T, B) and images (N, 1, S, S).

        Encodes all images first if N is at most T · B.
        """
        if len(images) <= chosen.numel():
            return self.encoder(images)[chosen]
        return self.encoder(images[chosen])


@dataclass(frozen=True)
class Kind:
    """How a kind of network is made and trained."""

    memory: Callable[[DigitRule], torch_nn.Module]  # makes the layers after the encoder, for one of ``rules``
    rules: tuple[str, ...] = tuple(DIGIT_RULES)  # the rules that it can learn
    features: int = 0  # features per image; 0: the number of outputs of the rule
    learning_rate: float = 1e-2
    unused: bool = False  # whether Accumulator.unused is added to the loss, for rules with one output

    def build(self, size: int, rule: DigitRule) -> Reader:
        return Reader(size, self.features or rule.outputs, self.memory(rule))


def _recurrent(layer: Make) -> Kind:
    def memory(rule: DigitRule) -> torch_nn.Module:
        return torch_nn.Sequential(layer(10, 32), torch_nn.Linear(32, rule.outputs))

    return Kind(memory, features=10, learning_rate=3e-3)


def _accumulate(build_layer: Make, *rules: str, layer: type[Accumulator] = Accumulator, unused: bool = True) -> Kind:
    return Kind(lambda rule: layer(build_layer, rule.outputs, rule.initial), rules, unused=unused)


#: The network with a perfect accumulator: only its encoder is trained.
REFERENCE = "reference"

KINDS: dict[str, Kind] = {
    REFERENCE: Kind(lambda rule: Accumulator(lambda *_: Perfect(rule.initial), rule.outputs, rule.initial)),
    "LSTM": _recurrent(LSTM),
    "GRU": _recurrent(GRU),
    "RNN": _recurrent(RNN),
    "NAC": _accumulate(nn.NAC, "count", "sum", layer=LinearAccumulator),
    "NACMul": _accumulate(nn.NACMul, "product", unused=False),
    "NALU": _accumulate(nn.NALU, *DIGIT_RULES, unused=False),
    "NAU": _accumulate(nn.NAU, "sum", layer=LinearAccumulator),
    "NMU": _accumulate(nn.NMU, "product"),
    "StochasticNMU": _accumulate(nn.StochasticNMU, "product"),
}
