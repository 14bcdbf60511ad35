"""Decimal multiplication in binary-coded digits: the coding in which it has been learned."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from extrapolate.tasks.algorithms.digits import digits_of, multiply
from extrapolate.tasks.algorithms.examples import SYMBOLS, TIMES, Algorithm, Examples
from extrapolate.tasks.algorithms.operands import Draw, uniform_operands

BASE, BITS = 10, 4

#: Added to the last bit of a digit: its end.
END = 2


@dataclass(frozen=True)
class BCDMultiplication(Algorithm):
    """7 · 8 in one digit: ``1 1 1 2 * 0 0 0 3`` becomes ``0 1 1 2 1 0 1 2``, that is 6 and 5.

    Each decimal digit, least significant first, is four bits, least significant first, the fourth raised by 2.
    Operands of k digits take n = 8 k + 1 places, the product of 2 k digits all but the last. Value v is symbol and
    class v + 1. Source: the code of Freivalds & Liepins 2017 (arXiv 1702.08727).
    """

    name: ClassVar[str] = "multiplication in BCD"
    length_rule: ClassVar[str] = "operands of k decimal digits need 8 k + 1 of them"

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
        """``count`` examples of ``length`` = 8 k + 1 places."""
        self.check_length(length)
        return self.of_digits(*self.operands(count, length // (2 * BITS), BASE, generator))

    def of_numbers(self, pairs: list[tuple[int, int]], width: int) -> Examples:
        """The examples of given pairs of ``width`` decimal digits."""
        return self.of_digits(*(digits_of(side, width, BASE) for side in zip(*pairs, strict=True)))

    def of_digits(self, a: Tensor, b: Tensor) -> Examples:
        """The examples of operands given by their decimal digits, int64 (B, k) each."""
        operator = a.new_full((len(a), 1), TIMES)
        symbols = torch.cat([_code(a) + 1, operator, _code(b) + 1], 1)
        return Examples(symbols, F.pad(_code(multiply(a, b, BASE)) + 1, (0, 1)))


def _code(digits: Tensor) -> Tensor:
    """(B, k) decimal digits to (B, 4 k) bits, each fourth raised."""
    bits = digits[..., None] >> torch.arange(BITS, device=digits.device) & 1
    bits[..., -1] += END
    return bits.flatten(1)
