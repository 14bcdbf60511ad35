"""What follows from a sequence of digits: how many there are of each, their sum, their product."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from extrapolate.tasks.digits import DigitSet

DIGITS = 10


def _counts(labels: Tensor) -> Tensor:
    return torch.eye(DIGITS, device=labels.device)[labels].cumsum(0)  # F.one_hot looks at its values: no vmap


def _sums(labels: Tensor) -> Tensor:
    return labels.float().cumsum(0)[..., None]


def _products(labels: Tensor) -> Tensor:
    return labels.float().cumprod(0)[..., None]


@dataclass(frozen=True)
class DigitSequence:
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
    start: float
    training: int
    tested: tuple[int, ...]
    lowest: int = 0

    def allowed(self, digits: DigitSet) -> DigitSet:
        """Those of ``digits`` that may stand in a sequence."""
        return digits.part(digits.labels >= self.lowest)

    @staticmethod
    def draw(count: int, length: int, images: int, generator: torch.Generator) -> Tensor:
        """Which images make up ``count`` sequences: int64 (length, count), each of ``images`` equally likely."""
        return torch.randint(images, (length, count), generator=generator)


DIGIT_SEQUENCES: dict[str, DigitSequence] = {
    each.name: each
    for each in (
        DigitSequence("count", "counting digits", DIGITS, _counts, 0.0, 10, (1, 10, 100, 1_000)),
        DigitSequence("sum", "adding digits", 1, _sums, 0.0, 10, (1, 10, 100, 1_000)),
        DigitSequence("product", "multiplying digits", 1, _products, 1.0, 2, (1, 2, 5, 10, 20), lowest=1),
    )
}
