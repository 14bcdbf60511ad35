"""Addition and multiplication modulo a power of ten, with one-hot digits: two functions for one network."""

from dataclasses import dataclass

import torch
from torch import Tensor

from extrapolate.tasks.one_hot import TwoNumbers, digits_of, one_hot

#: The names of the operations of :class:`ModularArithmetic`.
MODULAR_OPERATIONS = ("add", "mul")


@dataclass(frozen=True)
class ModularArithmetic(TwoNumbers):
    """Add or multiply two numbers modulo 10^digits (arXiv 2010.02066).

    With two digits, ``add`` of 47 and 68 gives 15 (115 modulo 100), and ``mul`` gives 96 (3196 modulo 100).
    Digits are one-hot, least significant first: 4 × 10 inputs, then 2 inputs for the operation; 2 × 10 logits for
    the result. An answer is right if all digits are. All 20,000 examples are training data. Masks then show how a
    network that has learned the table divides it into modules.

    Args:
        digits: number of decimal digits.
        operations: the operations to sample, each equally likely.
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
        """Encode operands and operation indices, int64 (N,) each, as inputs and targets.

        Inputs are float32 (N, in_features). Targets are the digits of the result, int64 (N, digits).
        """
        operands = torch.cat([digits_of(a, self.digits), digits_of(b, self.digits)], -1)
        x = torch.cat([one_hot(operands, 10).flatten(-2), one_hot(function, len(MODULAR_OPERATIONS))], -1)
        return x, digits_of(torch.where(function == 0, a + b, a * b), self.digits)

    def read(self, logits: Tensor, answer: Tensor) -> Tensor:
        """Return the logits as (N, digits, 10)."""
        return logits.unflatten(-1, (self.digits, 10))
