"""Addition and multiplication of two numbers of equal width, digit by digit."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from extrapolate.tasks.algorithms.digits import (
    add,
    check_base,
    digits_of,
    multiply,
    numbers_of,
    significant,
)
from extrapolate.tasks.algorithms.examples import PAD, PLUS, SYMBOLS, TIMES, Algorithm, Examples
from extrapolate.tasks.algorithms.operands import Draw, uniform_operands


@dataclass(frozen=True)
class _Arithmetic(Algorithm):
    """Base class of addition and multiplication; for the arguments see :class:`Multiplication`."""

    length_rule: ClassVar[str] = "two operands with an operator between them need an odd length from 3 up"
    #: Symbol of the operator.
    operator: ClassVar[int]

    base: int = 2
    aligned: bool = False
    zero_filled: bool = False
    operands: Draw = uniform_operands

    def __post_init__(self) -> None:
        check_base(self.base)
        super().__post_init__()

    @abstractmethod
    def compute(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the digits of the results, int64 (B, d + 1) or (B, 2 d), from the digits of operands (B, d)."""

    @property
    def symbols(self) -> int:
        return SYMBOLS

    @property
    def classes(self) -> int:
        return self.base + 1

    def takes(self, length: int) -> bool:
        return length >= 3 and length % 2 == 1

    def examples(self, count: int, length: int, generator: torch.Generator) -> Examples:
        """Sample ``count`` examples of ``length`` = 2 d + 1 positions."""
        self.check_length(length)
        return self.of_digits(*self.operands(count, length // 2, self.base, generator))

    def of_numbers(self, pairs: list[tuple[int, int]], width: int | None = None) -> Examples:
        """Return the examples of ``pairs`` with ``width`` digits per operand; None: the digits of the largest number.

        Raises:
            UserError: a number is negative or has more than ``width`` digits.
        """
        longest = max((number for pair in pairs for number in pair), default=0)
        if width is None:
            width = 1
            while self.base**width <= longest:
                width += 1
        return self.of_digits(*(digits_of(side, width, self.base) for side in zip(*pairs, strict=True)))

    def of_digits(self, a: Tensor, b: Tensor) -> Examples:
        """Return the examples of operands whose digits are ``a`` and ``b``, int64 (B, d) each."""
        answer = self._fill(self.compute(a, b), 2 * a.shape[1] + 1)
        operator = a.new_full((len(a), 1), self.operator)
        if not self.aligned:
            return Examples(torch.cat([a + 1, operator, b + 1], 1), answer)
        space = answer.shape[1] - a.shape[1]
        first, second = F.pad(a + 1, (0, space)), torch.cat([b + 1, operator], 1)
        return Examples(torch.stack([first, F.pad(second, (0, space - 1))], -1), answer)

    def _fill(self, digits: Tensor, length: int) -> Tensor:
        classes = F.pad(digits, (0, length - digits.shape[1])) + 1
        if self.zero_filled:
            return classes
        inside = torch.arange(length, device=digits.device) < significant(digits)[:, None]
        return torch.where(inside, classes, PAD)

    def number(self, classes: Tensor) -> int | None:
        """Return the number with these classes (n,); None if they are no number, such as a digit after padding."""
        digits = classes[: int(significant(classes[None])[0])] - 1
        if bool((digits < 0).any()) or not len(classes):
            return None
        return numbers_of(digits[None], self.base)[0]


@dataclass(frozen=True)
class Addition(_Arithmetic):
    """Addition: 5 + 14 in base 2 with four digits, ``1 0 1 0 + 0 1 1 1``, becomes ``1 1 0 0 1`` and padding.

    Unless ``aligned``, one operand follows the other, so the network must align their digits. No finite automaton
    can do this. See :class:`Multiplication` for the arguments.
    """

    name: ClassVar[str] = "addition"
    operator: ClassVar[int] = PLUS

    def compute(self, a: Tensor, b: Tensor) -> Tensor:
        return add(a, b, self.base)


@dataclass(frozen=True)
class Multiplication(_Arithmetic):
    """Multiplication: 6 · 10 in base 2 with four digits, ``0 1 1 0 * 0 1 0 1``, becomes ``0 0 1 1 1 1`` and padding.

    The two operands have d digits, least significant first, with leading zeros: n = 2 d + 1 positions. Digit v is
    symbol and class v + 1, padding is 0, the operators are symbols 11 (+) and 12 (·).

    Args:
        base: 2 to 10.
        aligned: use two rows of symbols, one per operand; the operator follows the second operand.
        zero_filled: fill the answer to n digits with zeros; otherwise padding follows its significant digits (the
            number 0 has one).
        operands: function that samples random operands.
    """

    name: ClassVar[str] = "multiplication"
    operator: ClassVar[int] = TIMES

    def compute(self, a: Tensor, b: Tensor) -> Tensor:
        return multiply(a, b, self.base)
