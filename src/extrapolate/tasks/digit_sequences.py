"""Count, add or multiply the digits in a sequence of images."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from extrapolate import ops
from extrapolate.tasks.digits import Digits, DigitSet

DIGITS = 10

#: Number of sequences of the splits ``validation`` and ``test``.
VALIDATED, TESTED = 200, 50


def _counts(labels: Tensor) -> Tensor:
    return torch.eye(DIGITS, device=labels.device)[labels].cumsum(0)  # F.one_hot does not work under vmap


def _sums(labels: Tensor) -> Tensor:
    return labels.float().cumsum(0)[..., None]


def _products(labels: Tensor) -> Tensor:
    return labels.float().cumprod(0)[..., None]


@dataclass(frozen=True)
class DigitRule:
    """A rule that gives an answer after each image of a sequence of digits.

    For images of 3, 1, 3, counting gives (0, 1, 0, 2, 0, 0, 0, 0, 0, 0), addition gives 7 and multiplication 9.
    Sources: counting and addition of up to 1,000 images, Trask et al. 2018; addition and multiplication, Madsen &
    Johansen 2020.

    Attributes:
        title: a short description.
        outputs: number of values in an answer.
        answers: function from labels (T, ...), int64, to the answers after each image, float32 (T, ..., outputs).
        initial: the answer before the first image.
        training: number of images in a training sequence.
        tested: numbers of images in the test sequences.
        lowest: lowest digit used; 1 for products, because a single 0 makes the product 0.
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
        """Return the images of digits that are at least ``lowest``."""
        return digits.part(digits.labels >= self.lowest) if self.lowest else digits

    @staticmethod
    def draw(count: int, length: int, digits: DigitSet, seed: int) -> Tensor:
        """Sample ``count`` sequences of indices of ``digits``: int64 (length, count), each equally likely."""
        generator = torch.Generator().manual_seed(seed)
        return torch.randint(len(digits), (length, count), generator=generator).to(digits.labels.device)

    def draw_keyed(self, count: int, images: int, key: Tensor) -> Tensor:
        """Sample ``count`` training sequences of image indices from 0 to ``images`` - 1: int64 (training, count)."""
        return (ops.uniform(key, (self.training, count)) * images).long()


#: The rules on sequences of digit images, by name.
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
    """Apply a rule to sequences of images: train on short sequences, test on long ones.

    ``DigitSequence(DIGIT_RULES["sum"], load_digits())`` has ten images per training sequence, with the sum after
    each as target; a test sequence has a thousand. Papers define no criterion for a right answer. Here the error of
    the last answer must be at most 0.5 + 1e-5 × |target|. Images are on the device of ``digits``.
    """

    rule: DigitRule
    digits: Digits = field(repr=False)

    @cached_property
    def _training(self) -> DigitSet:
        return self.rule.select_allowed(self.digits.training)

    def sample(self, batch: int, key: Tensor) -> tuple[Tensor, Tensor]:
        """Sample sequences of training images (batch, T, 1, S, S), and the answers (batch, T, outputs)."""
        return self._render(self._training, self.rule.draw_keyed(batch, len(self._training), key))

    def splits(self) -> dict[str, tuple[Tensor, Tensor]]:
        """Return images and answers: ``validation`` with the training length, ``test`` with the longest length."""
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
        """Return whether the last answer of each sequence is right: bool (N,). Answers are (N, T, outputs)."""
        error = (prediction - target)[:, -1].abs()
        return (error <= 0.5 + 1e-5 * target[:, -1].abs()).all(-1)
