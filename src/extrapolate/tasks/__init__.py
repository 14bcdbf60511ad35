"""Where data come from. A task knows its inputs' range, its wider test range, and when an answer is right.

It knows no model. Arithmetic: :class:`SingleModule`, over :class:`Operation` and :class:`Range`;
:class:`SubsetProduct` and :class:`SubsetFunction`, of sums over some of many numbers. Language:
:class:`NumberWords`. Images: :func:`load_digits`, :class:`DigitSequence`,
:class:`DigitPairs`, :class:`EvenDigits`. Symbols: :class:`Programs`, :class:`Scan`,
``extrapolate.tasks.mathematics``. Environments: :class:`GridTime` (for
Gymnasium: ``extrapolate.tasks.grid_time_env``).
"""

from extrapolate.tasks.algorithms import (
    Addition,
    Algorithm,
    BCDMultiplication,
    Copy,
    Duplicate,
    Examples,
    Increment,
    Multiplication,
    Reverse,
    Sort,
)
from extrapolate.tasks.arithmetic import OPERATIONS, Operation, SingleModule
from extrapolate.tasks.digit_pairs import ByDigit, DigitPairs, placed
from extrapolate.tasks.digit_sequences import DIGIT_RULES, DigitRule, DigitSequence
from extrapolate.tasks.digits import Digits, DigitSet, load_digits
from extrapolate.tasks.even_digits import EvenDigits
from extrapolate.tasks.grid_time import GridTime
from extrapolate.tasks.long_dependency import LongDependency
from extrapolate.tasks.number_words import WORDS, NumberWords, in_words
from extrapolate.tasks.picture import Picture
from extrapolate.tasks.programs import Programs
from extrapolate.tasks.ranges import (
    PUBLISHED_RANGES,
    Range,
    RangeError,
    RangePair,
    parse_range,
    parse_range_pairs,
)
from extrapolate.tasks.scan import Scan
from extrapolate.tasks.sentences import VOCABULARY, Sentences
from extrapolate.tasks.subset_functions import SUM_FUNCTIONS, Sequences, SubsetFunction, SumFunction
from extrapolate.tasks.subset_product import SubsetProduct
from extrapolate.tasks.task import Task

__all__ = [
    "DIGIT_RULES",
    "OPERATIONS",
    "PUBLISHED_RANGES",
    "SUM_FUNCTIONS",
    "VOCABULARY",
    "WORDS",
    "Addition",
    "Algorithm",
    "BCDMultiplication",
    "ByDigit",
    "Copy",
    "DigitPairs",
    "DigitRule",
    "DigitSequence",
    "DigitSet",
    "Digits",
    "Duplicate",
    "EvenDigits",
    "Examples",
    "GridTime",
    "Increment",
    "LongDependency",
    "Multiplication",
    "NumberWords",
    "Operation",
    "Picture",
    "Programs",
    "Range",
    "RangeError",
    "RangePair",
    "Reverse",
    "Scan",
    "Sentences",
    "Sequences",
    "SingleModule",
    "Sort",
    "SubsetFunction",
    "SubsetProduct",
    "SumFunction",
    "Task",
    "in_words",
    "load_digits",
    "parse_range",
    "parse_range_pairs",
    "placed",
]
