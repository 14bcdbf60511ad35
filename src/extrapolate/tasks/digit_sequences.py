"""What follows from a sequence of digits: how many there are of each, their sum, their product."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from extrapolate import ops
from extrapolate.tasks.digits import Digits, DigitSet

DIGITS = 10

#: Sequences that choose the best step, and that are tested on.
VALIDATED, TESTED = 200, 50


def _counts(labels: Tensor) -> Tensor:
    return torch.eye(DIGITS, device=labels.device)[labels].cumsum(0)  # F.one_hot looks at its values: no vmap


def _sums(labels: Tensor) -> Tensor:
    return labels.float().cumsum(0)[..., None]


def _products(labels: Tensor) -> Tensor:
    return labels.float().cumprod(0)[..., None]


@dataclass(frozen=True)
class DigitRule:
    """A rule on sequences of digit images, trained on short ones, tested on long ones.

    Images of 3, 1, 3: counting gives (0, 1, 0, 2, 0, 0, 0, 0, 0, 0), addition gives 7, multiplication 9. There is
    an answer after every image. Counting and addition to 1,000 images: Trask et al. 2018; addition and
    multiplication: Madsen & Johansen 2020.

    Attributes:
        title: what it asks for, in words.
        outputs: numbers in an answer.
        answers: labels (T, ...), int64, to (T, ..., outputs), float32: the answer after each image.
        start: the answer before the first image.
        training: images in the sequences to train on.
        tested: images in the sequences to test on.
        lowest: the lowest digit; a product with a 0 in it tells nothing of the others.
    """

    name: str
    title: str
    outputs: int
    answers: Callable[[Tensor], Tensor]
    initial: float
    training: int
    tested: tuple[int, ...]
    lowest: int = 0

    def select_allowed(self, digits: DigitSet) -> DigitSet:
        """Those of ``digits`` that may stand in a sequence."""
        return digits.part(digits.labels >= self.lowest) if self.lowest else digits

    @staticmethod
    def draw(count: int, length: int, digits: DigitSet, seed: int) -> Tensor:
        """Which of ``digits`` make up ``count`` sequences: int64 (length, count), each equally likely."""
        generator = torch.Generator().manual_seed(seed)
        return torch.randint(len(digits), (length, count), generator=generator).to(digits.labels.device)

    def draw_keyed(self, count: int, images: int, key: Tensor) -> Tensor:
        """Which images make up ``count`` training sequences: int64 (training, count), a function of ``key``."""
        return (ops.uniform(key, (self.training, count)) * images).long()


DIGIT_RULES: dict[str, DigitRule] = {
    each.name: each
    for each in (
        DigitRule("count", "counting digits", DIGITS, _counts, 0.0, 10, (1, 10, 100, 1_000)),
        DigitRule("sum", "adding digits", 1, _sums, 0.0, 10, (1, 10, 100, 1_000)),
        DigitRule("product", "multiplying digits", 1, _products, 1.0, 2, (1, 2, 5, 10, 20), lowest=1),
    )
}


@dataclass(frozen=True)
class DigitSequence:
    """A rule on the images of ``digits``: short sequences to train on, long ones to test on.

    ``DigitSequence(DIGIT_RULES["sum"], load_digits())`` shows ten images and asks for the sum after each; the test
    has a thousand images. Papers compare the errors of networks and do not say which answer is right. Here the one
    after the last image is right within 0.5, or within a hundred-thousandth of a large product. Images lie on
    the device of ``digits``.
    """

    rule: DigitRule
    digits: Digits = field(repr=False)

    @cached_property
    def _training(self) -> DigitSet:
        return self.rule.select_allowed(self.digits.training)

    def sample(self, batch: int, key: Tensor) -> tuple[Tensor, Tensor]:
        """Training images (batch, T, 1, S, S), and the answer after each, (batch, T, outputs)."""
        return self._render(self._training, self.rule.draw_keyed(batch, len(self._training), key))

    def splits(self) -> dict[str, tuple[Tensor, Tensor]]:
        """Images and answers: ``validation``, as long as in training; ``test``, as long as the longest published."""
        return {
            "validation": self._sample_fixed(self.digits.validation, self.rule.training, VALIDATED, 1),
            "test": self._sample_fixed(self.digits.test, self.rule.tested[-1], TESTED, 2),
        }

    def _sample_fixed(self, digits: DigitSet, length: int, count: int, seed: int) -> tuple[Tensor, Tensor]:
        allowed = self.rule.select_allowed(digits)
        return self._render(allowed, self.rule.draw(count, length, allowed, seed))

    def _render(self, digits: DigitSet, samples: Tensor) -> tuple[Tensor, Tensor]:
        answers = self.rule.answers(digits.labels[samples])
        return digits.images[samples.T], answers.movedim(0, 1)

    def solved(self, prediction: Tensor, target: Tensor) -> Tensor:
        """bool (N,): whether the last answer of each sequence, of (N, T, outputs), is right."""
        error = (prediction - target)[:, -1].abs()
        return (error <= 0.5 + 1e-5 * target[:, -1].abs()).all(-1)
