"""Algorithms on sequences of symbols, with exact answers: copy, reverse, duplicate, sort; arithmetic on digits.

A task is a frozen dataclass. ``Addition(base=2).examples(count, length, generator)`` returns :class:`Examples`.
``Addition(longest=41, tested=(201, 401))`` sets the lengths for training and test. Operands are uniform, have long
carries, or come from adversarial families.
"""

from extrapolate.tasks.algorithms.adversarial import addition_families, multiplication_families
from extrapolate.tasks.algorithms.arithmetic import Addition, Multiplication
from extrapolate.tasks.algorithms.bcd import BCDMultiplication
from extrapolate.tasks.algorithms.digits import digits_of, numbers_of
from extrapolate.tasks.algorithms.examples import (
    PAD,
    PLUS,
    TIMES,
    Algorithm,
    Examples,
    generator_of,
    together,
)
from extrapolate.tasks.algorithms.operands import (
    Draw,
    carry_operands,
    hard_operands,
    rippling_operands,
    uniform_operands,
    varied_operands,
)
from extrapolate.tasks.algorithms.sequences import Copy, Duplicate, Increment, Reverse, Sort

__all__ = [
    "PAD",
    "PLUS",
    "TIMES",
    "Addition",
    "Algorithm",
    "BCDMultiplication",
    "Copy",
    "Draw",
    "Duplicate",
    "Examples",
    "Increment",
    "Multiplication",
    "Reverse",
    "Sort",
    "addition_families",
    "carry_operands",
    "digits_of",
    "generator_of",
    "hard_operands",
    "multiplication_families",
    "numbers_of",
    "rippling_operands",
    "together",
    "uniform_operands",
    "varied_operands",
]
