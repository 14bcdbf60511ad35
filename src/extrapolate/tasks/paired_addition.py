"""Two additions with an input and an output of their own each: one function in two places."""

from dataclasses import dataclass

import torch
from torch import Tensor

from extrapolate.tasks.one_hot import TwoNumbers, digits_of, one_hot

PAIRS = ("pair 1", "pair 2")


@dataclass(frozen=True)
class PairedAddition(TwoNumbers):
    """Two pairs of numbers, each to its sum modulo 10^digits; one pair at a time (arXiv 2010.02066).

    Digits are written least significant first, each one-hot. With two digits there are 40 inputs for either pair,
    those of the other one being 0, and 20 logits for either sum, of which those of the other one are not read.

    Args:
        pairs: those that examples are sampled of, each equally likely.
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
        """The places of a pair's numbers among the inputs."""
        return _slot(pair, self.in_features)

    def outputs_of(self, pair: str) -> slice:
        """The places of a pair's sum among the logits."""
        return _slot(pair, self.out_features)

    def encode(self, a: Tensor, b: Tensor, function: Tensor) -> tuple[Tensor, Tensor]:
        """int64 (N,) each to inputs (N, in_features) and int64 (N, 1 + digits): the pair, then the sum's digits."""
        operands = torch.cat([digits_of(a, self.digits), digits_of(b, self.digits)], -1)
        numbers = one_hot(operands, 10).flatten(-2)
        x = (one_hot(function, len(PAIRS))[..., None] * numbers[..., None, :]).flatten(-2)
        return x, torch.cat([function[..., None], digits_of(a + b, self.digits)], -1)

    def read(self, logits: Tensor, answer: Tensor) -> Tensor:
        """The logits (N, digits, 10) of the pair that was asked for."""
        first, second = logits.unflatten(-1, (len(PAIRS), self.digits, 10)).unbind(-3)
        return torch.where(answer[..., :1, None] == 0, first, second)


def _slot(pair: str, size: int) -> slice:
    half, place = size // len(PAIRS), PAIRS.index(pair)
    return slice(place * half, (place + 1) * half)
