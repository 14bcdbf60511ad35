"""Two additions with separate inputs and outputs: the same function twice."""

from dataclasses import dataclass

import torch
from torch import Tensor

from extrapolate.tasks.one_hot import TwoNumbers, digits_of, one_hot

#: The names of the two pairs of :class:`PairedAddition`.
PAIRS = ("pair 1", "pair 2")


@dataclass(frozen=True)
class PairedAddition(TwoNumbers):
    """Add one of two pairs of numbers modulo 10^digits (arXiv 2010.02066).

    Digits are one-hot, least significant first. With two digits, each pair has 40 inputs; those of the unused pair
    are 0. Each sum has 20 logits; those of the unused pair are ignored.

    Args:
        digits: number of decimal digits.
        pairs: the pairs to sample, each equally likely.
    """

    pairs: tuple[str, ...] = PAIRS

    functions = PAIRS

    @property
    def sampled(self) -> tuple[str, ...]:
        return self.pairs

    @property
    def in_features(self) -> int:
        return 20 * self.digits * len(PAIRS)

    @property
    def out_features(self) -> int:
        return 10 * self.digits * len(PAIRS)

    def inputs_of(self, pair: str) -> slice:
        """Return the slice of the inputs that holds the numbers of ``pair``."""
        return _slot(pair, self.in_features)

    def outputs_of(self, pair: str) -> slice:
        """Return the slice of the logits that holds the sum of ``pair``."""
        return _slot(pair, self.out_features)

    def encode(self, a: Tensor, b: Tensor, function: Tensor) -> tuple[Tensor, Tensor]:
        """Encode operands and pair indices, int64 (N,) each, as inputs and targets.

        Inputs are float32 (N, in_features). Targets are int64 (N, 1 + digits): the pair, then the digits of the sum.
        """
        operands = torch.cat([digits_of(a, self.digits), digits_of(b, self.digits)], -1)
        numbers = one_hot(operands, 10).flatten(-2)
        x = (one_hot(function, len(PAIRS))[..., None] * numbers[..., None, :]).flatten(-2)
        return x, torch.cat([function[..., None], digits_of(a + b, self.digits)], -1)

    def read(self, logits: Tensor, answer: Tensor) -> Tensor:
        """Return the logits (N, digits, 10) of the pair whose index is in the first column of ``answer``."""
        first, second = logits.unflatten(-1, (len(PAIRS), self.digits, 10)).unbind(-3)
        return torch.where(answer[..., :1, None] == 0, first, second)


def _slot(pair: str, size: int) -> slice:
    half, index = size // len(PAIRS), PAIRS.index(pair)
    return slice(index * half, (index + 1) * half)
