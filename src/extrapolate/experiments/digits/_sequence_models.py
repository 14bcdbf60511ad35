"""The networks of digits-sequence: an encoder for each image, then a recurrent network or an accumulator."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch import nn as torch_nn

from extrapolate import nn
from extrapolate.experiments.cells import GRU, LSTM, RNN
from extrapolate.experiments.digits._images import DeepEncoder
from extrapolate.tasks import DIGIT_RULES, DigitRule

LEARNING_RATE = 1e-2

#: Features of an image for the recurrent networks; the size of their state.
FEATURES, HIDDEN = 10, 32

#: The network whose accumulator is perfect: only its encoder has to learn.
REFERENCE = "reference"

PRODUCTS = ("product",)


class Recurrent(torch_nn.Module):
    """Features (T, B, F) to answers (T, B, O): a recurrent layer, then a linear one."""

    def __init__(self, layer: Callable[[int, int], torch_nn.Module], out_features: int) -> None:
        super().__init__()
        self.in_features = FEATURES
        self.layer = layer(FEATURES, HIDDEN)
        self.read_out = torch_nn.Linear(HIDDEN, out_features)

    def forward(self, features: Tensor) -> Tensor:
        return self.read_out(self.layer(features))


class _FromStart(torch_nn.Module):
    """Features (T, B, O) to answers (T, B, O): each follows from the answer before and the features."""

    def __init__(self, out_features: int, start: float) -> None:
        super().__init__()
        self.in_features, self.start = out_features, start

    @abstractmethod
    def following(self, answer: Tensor, features: Tensor) -> Tensor:
        """The answer before and the features, both (B, O), to the next answer."""

    def forward(self, features: Tensor) -> Tensor:
        answer, answers = torch.full_like(features[0], self.start), []
        for now in features.unbind(0):
            answer = self.following(answer, now)
            answers.append(answer)
        return torch.stack(answers)


class Accumulator(_FromStart):
    """The unit maps the answer before and the features to the next answer."""

    def __init__(self, unit: Callable[[int, int], torch_nn.Module], out_features: int, start: float) -> None:
        super().__init__(out_features, start)
        self.unit = unit(2 * out_features, out_features)

    def following(self, answer: Tensor, features: Tensor) -> Tensor:
        return self.unit(torch.cat([answer, features], -1))

    def unused(self, features: Tensor, answers: Tensor) -> Tensor:
        """R_z, the regulariser of Madsen & Johansen: mean of (1 - |W|) (start - x̄)² over the weights W.

        x̄ is the mean of the weight's input: an input that the unit leaves out is driven to ``start``.
        """
        assert isinstance(self.unit, nn.Arithmetic)
        before = torch.cat([torch.full_like(answers[:1], self.start), answers[:-1]])
        inputs = torch.cat([before, features], -1).mean((0, 1))
        return ((1 - self.unit.effective_weight().abs()) * (self.start - inputs).square()).mean()


class LinearAccumulator(Accumulator):
    """The same for a unit y = W x: W is computed once, and its product with the features once for all images."""

    def forward(self, features: Tensor) -> Tensor:
        assert isinstance(self.unit, nn.Arithmetic)
        own, of_features = self.unit.effective_weight().chunk(2, -1)
        given = features @ of_features.mT
        answer, answers = torch.full_like(given[0], self.start), []
        for now in given.unbind(0):
            answer = torch.addmm(now, answer, own.mT)
            answers.append(answer)
        return torch.stack(answers)


class Perfect(_FromStart):
    """The answer before times the features if it starts from 1, plus the features if it starts from 0."""

    def following(self, answer: Tensor, features: Tensor) -> Tensor:
        return answer * features if self.start else answer + features


class Reader(torch_nn.Module):
    """Images (T, B, 1, S, S) to the answer after each, (T, B, O)."""

    def __init__(self, size: int, memory: Recurrent | _FromStart) -> None:
        super().__init__()
        self.encoder = DeepEncoder(size, memory.in_features)
        self.memory = memory

    def forward(self, images: Tensor) -> Tensor:
        return self.memory(self.encoder(images))


@dataclass(frozen=True)
class Kind:
    """How one kind of network is made and trained.

    Args:
        memory: makes what follows the encoder, for one of ``rules``.
        rules: names of the rules that it can learn.
        rate: learning rate.
        penalty: factor on the units' own penalty.
        unused: factor on :meth:`Accumulator.unused`, for rules with a single answer.
    """

    memory: Callable[[DigitRule], Recurrent | _FromStart]
    rules: tuple[str, ...] = tuple(DIGIT_RULES)
    rate: float = LEARNING_RATE
    penalty: float = 0.0
    unused: float = 0.0


def _recurrent(layer: Callable[[int, int], torch_nn.Module]) -> Kind:
    return Kind(lambda rule: Recurrent(layer, rule.outputs), rate=3e-3)


def _adding(
    unit: Callable[[int, int], torch_nn.Module], rules: tuple[str, ...], *, penalty: float = 0.0
) -> Kind:
    """A unit y = W x."""
    return Kind(
        lambda rule: LinearAccumulator(unit, rule.outputs, rule.start), rules, penalty=penalty, unused=1.0
    )


def _multiplying(unit: Callable[[int, int], torch_nn.Module]) -> Kind:
    """A unit with the published penalties."""
    return Kind(lambda rule: Accumulator(unit, rule.outputs, rule.start), PRODUCTS, penalty=10.0, unused=1.0)


KINDS: dict[str, Kind] = {
    REFERENCE: Kind(lambda rule: Perfect(rule.outputs, rule.start)),
    "LSTM": _recurrent(LSTM),
    "GRU": _recurrent(GRU),
    "RNN": _recurrent(RNN),
    "NAC": _adding(nn.NAC, ("count", "sum")),
    "NACMul": Kind(lambda rule: Accumulator(nn.NACMul, rule.outputs, rule.start), PRODUCTS),
    "NALU": Kind(lambda rule: Accumulator(nn.NALU, rule.outputs, rule.start)),
    "NAU": _adding(nn.NAU, ("sum",), penalty=10.0),
    "NMU": _multiplying(nn.NMU),
    "StochasticNMU": _multiplying(nn.StochasticNMU),
}
