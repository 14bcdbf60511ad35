"""Where data come from: examples by key, fixed splits, and when an answer is right (:class:`Task`). No model.

Arithmetic: :class:`SingleModule`, over :class:`Operation` and :class:`Range`; :class:`SubsetProduct` and
:class:`SubsetFunction`, of sums over some of many numbers. Images: :func:`load_digits`, :class:`EvenDigits`,
:class:`DigitPairs`, :class:`DigitSequence` with a :class:`DigitRule`. Sequences: :class:`Addition`, :class:`Copy` and
the others of ``extrapolate.tasks.algorithms``. These are tasks; the data sets of other shapes are not yet:
:class:`NumberWords`, :class:`Programs`, :class:`Scan`, ``extrapolate.tasks.mathematics``. Environments are none:
:class:`GridTime` (for Gymnasium: ``extrapolate.tasks.grid_time_env``).
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
