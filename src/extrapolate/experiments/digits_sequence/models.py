"""The networks that take part: an eye that looks at each image, then something that remembers."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch import nn as torch_nn

from extrapolate import nn
from extrapolate.experiments.cells import GRU, LSTM, RNN
from extrapolate.experiments.digit_images import LEARNING_RATE
from extrapolate.experiments.eye import DeepEye
from extrapolate.tasks import DIGIT_RULES, DigitRule

#: What the eye gives the recurrent networks of an image; the size of their state.
FEATURES, HIDDEN = 10, 32

#: The network whose accumulator is perfect: only its eye has to learn.
REFERENCE = "reference"

PRODUCTS = ("product",)


class Recurrent(torch_nn.Module):
    """Features (T, B, F) to answers (T, B, O): a linear layer on the outputs of a recurrent one."""

    def __init__(self, layer: Callable[[int, int], torch_nn.Module], out_features: int) -> None:
        super().__init__()
        self.in_features = FEATURES
        self.layer = layer(FEATURES, HIDDEN)
        self.read_out = torch_nn.Linear(HIDDEN, out_features)

    def forward(self, features: Tensor) -> Tensor:
        return self.read_out(self.layer(features))


class _FromStart(torch_nn.Module):
    """Features (T, B, O) to answers (T, B, O): the answer so far and the features give the next, from ``start``."""

    def __init__(self, out_features: int, start: float) -> None:
        super().__init__()
        self.in_features, self.start = out_features, start

    @abstractmethod
    def following(self, answer: Tensor, features: Tensor) -> Tensor:
        """Both (B, O), to the next answer."""

    def forward(self, features: Tensor) -> Tensor:
        answer, answers = torch.full_like(features[0], self.start), []
        for now in features.unbind(0):
            answer = self.following(answer, now)
            answers.append(answer)
        return torch.stack(answers)


class Accumulator(_FromStart):
    """The unit of the answer so far and the features is the next answer."""

    def __init__(self, unit: Callable[[int, int], torch_nn.Module], out_features: int, start: float) -> None:
        super().__init__(out_features, start)
        self.unit = unit(2 * out_features, out_features)

    def following(self, answer: Tensor, features: Tensor) -> Tensor:
        return self.unit(torch.cat([answer, features], -1))

    def unused(self, features: Tensor, answers: Tensor) -> Tensor:
        """R_z, Madsen & Johansen's regulariser: mean of (1 - |W|) (start - x̄)² over the weights W.

        x̄ is the mean of the input that the weight stands on: what is left out must not differ from the start.
        """
        assert isinstance(self.unit, nn.Arithmetic)
        before = torch.cat([torch.full_like(answers[:1], self.start), answers[:-1]])
        inputs = torch.cat([before, features], -1).mean((0, 1))
        return ((1 - self.unit.effective_weight().abs()) * (self.start - inputs).square()).mean()


class LinearAccumulator(Accumulator):
    """The same of a unit y = W x: W is made once, and what it makes of the features is one product for all images."""

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
    """The answer so far times the features where it starts from 1, plus them where from 0."""

    def following(self, answer: Tensor, features: Tensor) -> Tensor:
        return answer * features if self.start else answer + features


class Reader(torch_nn.Module):
    """Images (T, B, 1, S, S) to the answer after each, (T, B, O)."""

    def __init__(self, size: int, memory: Recurrent | _FromStart) -> None:
        super().__init__()
        self.eye = DeepEye(size, memory.in_features)
        self.memory = memory

    def forward(self, images: Tensor) -> Tensor:
        return self.memory(self.eye(images))


@dataclass(frozen=True)
class Kind:
    """``memory`` is made for a rule, one of ``rules``; ``rate``: the learning rate it is trained at.

    ``penalty`` is the scale of its units' own, ``unused`` that of :meth:`Accumulator.unused`, for single answers.
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
    """Of a unit y = W x."""
    return Kind(
        lambda rule: LinearAccumulator(unit, rule.outputs, rule.start), rules, penalty=penalty, unused=1.0
    )


def _multiplying(unit: Callable[[int, int], torch_nn.Module]) -> Kind:
    """Of a unit with the published penalty, and whose left-out inputs are drawn to 1."""
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
