"""Decimal multiplication with binary-coded digits (BCD), a code with which networks have learned it."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from extrapolate.tasks.algorithms.digits import digits_of, multiply
from extrapolate.tasks.algorithms.examples import SYMBOLS, TIMES, Algorithm, Examples
from extrapolate.tasks.algorithms.operands import Draw, uniform_operands

BASE, BITS = 10, 4

#: Added to the last bit of each digit, to mark its end.
END = 2


@dataclass(frozen=True)
class BCDMultiplication(Algorithm):
    """Multiplication in BCD: 7 · 8, ``1 1 1 2 * 0 0 0 3``, becomes ``0 1 1 2 1 0 1 2``, the digits 6 and 5.

    Digits are least significant first. Each has four bits, least significant first; 2 is added to the fourth. Two
    operands of k digits and ``*`` have n = 8 k + 1 positions together. The product has 2 k digits, which fill all
    positions but the last. The example shows values v from 0 to 3; the tensors have v + 1, in the input and in the
    answer. Source: the code of Freivalds & Liepins 2017 (arXiv 1702.08727).
    """

    name: ClassVar[str] = "multiplication in BCD"
    length_rule: ClassVar[str] = "operands of k decimal digits need length 8 k + 1"

    operands: Draw = uniform_operands

    @property
    def symbols(self) -> int:
        return SYMBOLS

    @property
    def classes(self) -> int:
        return 5

    def takes(self, length: int) -> bool:
        return length > 1 and length % (2 * BITS) == 1

    def examples(self, count: int, length: int, generator: torch.Generator) -> Examples:
        """Sample ``count`` examples of ``length`` = 8 k + 1 positions."""
        self.check_length(length)
        return self.of_digits(*self.operands(count, length // (2 * BITS), BASE, generator))

    def of_numbers(self, pairs: list[tuple[int, int]], width: int) -> Examples:
        """Return the examples of ``pairs`` with ``width`` decimal digits per operand."""
        return self.of_digits(*(digits_of(side, width, BASE) for side in zip(*pairs, strict=True)))

    def of_digits(self, a: Tensor, b: Tensor) -> Examples:
        """Return the examples of operands whose decimal digits are ``a`` and ``b``, int64 (B, k) each."""
        operator = a.new_full((len(a), 1), TIMES)
        symbols = torch.cat([_code(a) + 1, operator, _code(b) + 1], 1)
        return Examples(symbols, F.pad(_code(multiply(a, b, BASE)) + 1, (0, 1)))


def _code(digits: Tensor) -> Tensor:
    """Encode decimal digits (B, k) as bits (B, 4 k), with ``END`` added to each fourth bit."""
    bits = digits[..., None] >> torch.arange(BITS, device=digits.device) & 1
    bits[..., -1] += END
    return bits.flatten(1)
