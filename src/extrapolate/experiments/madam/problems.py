"""What is trained: a network, its data, the loss of a step and the error it is judged by."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from extrapolate import ops
from extrapolate.experiments.eye import Eye
from extrapolate.experiments.madam.networks import Deep, FourierFit, RecurrentReader, Transformer
from extrapolate.tasks import VOCABULARY, Picture, Sentences, load_digits

WIDTH = 64
#: Words and passages: 2,000 to learn from, 200 to be judged by; the width of the networks that read them.
PASSAGES, HELD_OUT, TEXT_WIDTH = 2_000, 200, 32
#: Frequencies of the picture's waves, and their spread.
FREQUENCIES, SPREAD = 64, 4.0


@dataclass(frozen=True)
class Data:
    """Examples to learn from and to be judged by, inputs and answers (N, ...)."""

    inputs: Tensor
    answers: Tensor
    test_inputs: Tensor
    test_answers: Tensor

    def to(self, device: torch.device) -> "Data":
        return Data(
            *(each.to(device) for each in (self.inputs, self.answers, self.test_inputs, self.test_answers))
        )


@dataclass(frozen=True)
class Problem:
    """``measure``: the mean error of answers given, a scalar; ``name``: as in the results."""

    name: str
    build: Callable[[], nn.Module]
    data: Callable[[], Data]
    measure: Callable[[Tensor, Tensor], Tensor]
    batch: int

    def loss(self, model: nn.Module, key: Tensor, data: Data) -> Tensor:
        """On ``batch`` examples drawn with ``key``."""
        drawn = (ops.uniform(key, (self.batch,)) * len(data.inputs)).long()
        return self.measure(model(data.inputs[drawn]), data.answers[drawn])

    def error(self, model: nn.Module, data: Data) -> Tensor:
        return self.measure(model(data.test_inputs), data.test_answers)


@cache
def _digits() -> Data:
    digits = load_digits()
    return Data(digits.training.images, digits.training.labels, digits.test.images, digits.test.labels)


@cache
def _flat_digits() -> Data:
    data = _digits()
    return Data(data.inputs.flatten(1), data.answers, data.test_inputs.flatten(1), data.test_answers)


@cache
def _sentences() -> Data:
    """Inputs and answers are one passage, shifted by a word."""
    passages = Sentences().passages(PASSAGES + HELD_OUT, torch.Generator().manual_seed(0))
    given, next_words = passages[:, :-1], passages[:, 1:]
    return Data(given[:PASSAGES], next_words[:PASSAGES], given[PASSAGES:], next_words[PASSAGES:])


@cache
def _picture() -> Data:
    """Every other pixel, as on a chessboard, is held out."""
    places, colours = Picture().pixels()
    side = Picture().size
    row, column = torch.arange(len(places)) // side, torch.arange(len(places)) % side
    held_out = (row + column) % 2 == 1
    return Data(places[~held_out], colours[~held_out], places[held_out], colours[held_out])


def _next_word(logits: Tensor, words: Tensor) -> Tensor:
    return F.cross_entropy(logits.flatten(0, 1), words.flatten())


def problems() -> dict[str, Problem]:
    """By name: dense networks of many depths and a convolutional one on digits, two readers, two picture fits."""
    found = [
        *(
            Problem(
                f"digits-depth-{depth}",
                partial(Deep, 64, WIDTH, 10, depth),
                _flat_digits,
                F.cross_entropy,
                64,
            )
            for depth in (2, 4, 8, 16, 32, 64)
        ),
        Problem("digits-cnn", partial(Eye, 8, 10), _digits, F.cross_entropy, 64),
        Problem("text-lstm", _reader(RecurrentReader, TEXT_WIDTH), _sentences, _next_word, 16),
        Problem(
            "text-transformer",
            _reader(Transformer, TEXT_WIDTH, Sentences().length),
            _sentences,
            _next_word,
            16,
        ),
        *(
            Problem(
                f"picture-depth-{depth}",
                partial(FourierFit, FREQUENCIES, SPREAD, WIDTH, depth),
                _picture,
                _half,
                256,
            )
            for depth in (5, 40)
        ),
    ]
    return {each.name: each for each in found}


def _reader(kind: Callable[..., nn.Module], *sizes: int) -> Callable[[], nn.Module]:
    return partial(kind, len(VOCABULARY), *sizes)


def _fit(depth: int) -> Callable[[], nn.Module]:
    return partial(FourierFit, FREQUENCIES, SPREAD, WIDTH, depth)


def _half(given: Tensor, wanted: Tensor) -> Tensor:
    """Half the mean square, as in the published depth demonstration."""
    return (given - wanted).square().mean() / 2


PROBLEMS = problems()
