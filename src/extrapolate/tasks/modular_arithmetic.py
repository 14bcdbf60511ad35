"""Addition and multiplication modulo a power of ten, in one-hot digits: two functions for one network."""

from dataclasses import dataclass

import torch
from torch import Tensor

from extrapolate.tasks.one_hot import TwoNumbers, digits_of, one_hot

MODULAR_OPERATIONS = ("add", "mul")


@dataclass(frozen=True)
class ModularArithmetic(TwoNumbers):
    """Two numbers and an operation's sign to the answer modulo 10^digits (arXiv 2010.02066).

    With two digits, 47 and 68 under ``add`` give 15 (115 modulo 100), and under ``mul`` 96 (3196 modulo 100).
    Digits are written least significant first, each one-hot: 4 × 10 inputs, then 2 for the operation; the answer
    has 2 × 10 logits. Right when all digits are. There are 20,000 examples, all of them in the training data: a
    network that is always right has learned the table, which is what masks are to take apart.

    Args:
        operations: those that examples are sampled of, each equally likely.
    """

    operations: tuple[str, ...] = MODULAR_OPERATIONS

    functions = MODULAR_OPERATIONS

    @property
    def sampled(self) -> tuple[str, ...]:
        return self.operations

    @property
    def in_features(self) -> int:
        return 20 * self.digits + len(MODULAR_OPERATIONS)

    @property
    def out_features(self) -> int:
        return 10 * self.digits

    def encode(self, a: Tensor, b: Tensor, function: Tensor) -> tuple[Tensor, Tensor]:
        """int64 (N,) each to inputs (N, in_features), float32, and the answer's digits (N, digits), int64."""
        operands = torch.cat([digits_of(a, self.digits), digits_of(b, self.digits)], -1)
        x = torch.cat([one_hot(operands, 10).flatten(-2), one_hot(function, len(MODULAR_OPERATIONS))], -1)
        return x, digits_of(torch.where(function == 0, a + b, a * b), self.digits)

    def read(self, logits: Tensor, answer: Tensor) -> Tensor:
        """The logits (N, digits, 10) of the digits."""
        return logits.unflatten(-1, (self.digits, 10))
