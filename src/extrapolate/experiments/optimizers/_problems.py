"""Problems that optimizers are compared on: a network, its data, the loss of a step and the test error."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from extrapolate import ops
from extrapolate.experiments.digits._images import ConvEncoder
from extrapolate.experiments.optimizers._networks import Deep, FourierFit, RecurrentReader, Transformer
from extrapolate.tasks import VOCABULARY, Picture, Sentences, load_digits

#: The publication of Madam.
MADAM = (
    "Bernstein et al., Learning compositional functions via multiplicative weight updates (arXiv 2006.14560, "
    "NeurIPS 2020)"
)

#: After this share of the steps the learning rate is divided by 10, with every optimizer.
DROP_AT = 0.7

#: Units per layer of the dense networks.
WIDTH = 64
#: Passages of the training and of the test; units per layer of the networks that read them.
PASSAGES, HELD_OUT, TEXT_WIDTH = 2_000, 200, 32
#: Number of the picture's waves, and standard deviation of their frequencies.
FREQUENCIES, SPREAD = 64, 4.0


@dataclass(frozen=True)
class Data:
    """Examples of the training and of the test: inputs and answers (N, ...)."""

    inputs: Tensor
    answers: Tensor
    test_inputs: Tensor
    test_answers: Tensor

    def to(self, device: str) -> "Data":
        return Data(
            *(each.to(device) for each in (self.inputs, self.answers, self.test_inputs, self.test_answers))
        )


@dataclass(frozen=True)
class Problem:
    """``measure(outputs, answers)``: the mean error, a scalar; ``name``: as in the results."""

    name: str
    build: Callable[[], nn.Module]
    data: Callable[[], Data]
    measure: Callable[[Tensor, Tensor], Tensor]
    batch: int

    def loss(self, model: nn.Module, key: Tensor, data: Data) -> Tensor:
        """On ``batch`` examples sampled with ``key``."""
        chosen = (ops.uniform(key, (self.batch,)) * len(data.inputs)).long()
        return self.measure(model(data.inputs[chosen]), data.answers[chosen])

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
    """The answers are the inputs shifted by a word."""
    passages = Sentences().passages(PASSAGES + HELD_OUT, torch.Generator().manual_seed(0))
    words, next_words = passages[:, :-1], passages[:, 1:]
    return Data(words[:PASSAGES], next_words[:PASSAGES], words[PASSAGES:], next_words[PASSAGES:])


@cache
def _picture() -> Data:
    """Every other pixel, as on a chessboard, is held out."""
    positions, colours = Picture().pixels()
    side = Picture().size
    row, column = torch.arange(len(positions)) // side, torch.arange(len(positions)) % side
    held_out = (row + column) % 2 == 1
    return Data(positions[~held_out], colours[~held_out], positions[held_out], colours[held_out])


def _next_word(logits: Tensor, words: Tensor) -> Tensor:
    return F.cross_entropy(logits.flatten(0, 1), words.flatten())


def _half_mean_square(outputs: Tensor, colours: Tensor) -> Tensor:
    """As in the published depth demonstration."""
    return (outputs - colours).square().mean() / 2


def _dense_on_digits(depth: int) -> Problem:
    build = partial(Deep, 64, WIDTH, 10, depth)
    return Problem(f"digits-depth-{depth}", build, _flat_digits, F.cross_entropy, 64)


def _dense_on_picture(depth: int) -> Problem:
    build = partial(FourierFit, FREQUENCIES, SPREAD, WIDTH, depth)
    return Problem(f"picture-depth-{depth}", build, _picture, _half_mean_square, 256)


_LSTM = partial(RecurrentReader, len(VOCABULARY), TEXT_WIDTH)
_TRANSFORMER = partial(Transformer, len(VOCABULARY), TEXT_WIDTH, Sentences().length)

#: By name: dense networks of many depths and a convolutional one on digits, two readers, two picture fits.
PROBLEMS: dict[str, Problem] = {
    each.name: each
    for each in (
        *(_dense_on_digits(depth) for depth in (2, 4, 8, 16, 32, 64)),
        Problem("digits-cnn", partial(ConvEncoder, 8, 10), _digits, F.cross_entropy, 64),
        Problem("text-lstm", _LSTM, _sentences, _next_word, 16),
        Problem("text-transformer", _TRANSFORMER, _sentences, _next_word, 16),
        *(_dense_on_picture(depth) for depth in (5, 40)),
    )
}
