"""What follows from a sequence of digits: how many there are of each, or their sum."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

DIGITS = 10


def _counts(labels: Tensor) -> Tensor:
    return torch.eye(DIGITS, device=labels.device)[labels].sum(-2)  # F.one_hot looks at its values: no vmap


def _sum(labels: Tensor) -> Tensor:
    return labels.sum(-1, keepdim=True).float()


@dataclass(frozen=True)
class DigitSequence:
    """A rule on sequences of digit images, trained on short ones, tested on long ones (Trask et al. 2018).

    Images of 3, 1, 3: counting gives (0, 1, 0, 2, 0, 0, 0, 0, 0, 0), addition gives 7. Published: trained on
    sequences of 10, tested on 1, 10, 100 and 1,000. An answer to ``length`` images counts as right when its
    mean absolute error is below :meth:`threshold`.

    Attributes:
        title: what it asks for, in words.
        answer: labels (..., T), int64, to (..., outputs), float32.
        mean: the mean answer to one image.
    """

    name: str
    title: str
    outputs: int
    answer: Callable[[Tensor], Tensor]
    mean: float

    def threshold(self, length: int) -> float:
        """A tenth of the mean answer: images that are misread make long sums inexact, whatever adds them up."""
        return 0.1 * self.mean * length

    @staticmethod
    def draw(count: int, length: int, images: int, generator: torch.Generator) -> Tensor:
        """Which images make up ``count`` sequences: int64 (count, length), each of ``images`` equally likely."""
        return torch.randint(images, (count, length), generator=generator)


DIGIT_SEQUENCES: dict[str, DigitSequence] = {
    each.name: each
    for each in (
        DigitSequence("count", "counting digits", DIGITS, _counts, 1 / DIGITS),
        DigitSequence("sum", "adding digits", 1, _sum, (DIGITS - 1) / 2),
    )
}
