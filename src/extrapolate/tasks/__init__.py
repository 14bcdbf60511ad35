"""Tasks: training examples from a key, fixed splits, and a criterion for right answers (:class:`Task`). No models.

* Arithmetic: :class:`SingleModule`, with :class:`Operation` and :class:`Range`; :class:`SubsetProduct` and
  :class:`SubsetFunction` on sums over subsets of the inputs.
* Images: :func:`load_digits`, :class:`EvenDigits`, :class:`DigitPairs`, :class:`DigitSequence` with a
  :class:`DigitRule`; :class:`Picture`, :class:`ImageClasses`.
* Sequences: :class:`Addition`, :class:`Copy` and the others of ``extrapolate.tasks.algorithms``;
  :class:`LongDependency`, :class:`NumberWords`, :class:`Programs`, :class:`Scan`, :class:`Sentences`,
  ``extrapolate.tasks.mathematics``.
* Data from files: :func:`load_digits` (MNIST), :func:`load_cifar`, :func:`load_wikitext` for :class:`NextWord`,
  :func:`load_babi`, ``Scan(folder=...)``, ``mathematics.Official``.
* For masks: :class:`ModularArithmetic`, :class:`PairedAddition`, :class:`PermutedDigits`.
* An environment, not a task: :class:`GridTime` (for Gymnasium: ``extrapolate.tasks.grid_time_env``).
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
from extrapolate.tasks.babi import BABI_TASKS, Babi, Stories, load_babi
from extrapolate.tasks.cifar import load_cifar
from extrapolate.tasks.digit_pairs import DigitPairs
from extrapolate.tasks.digit_sequences import DIGIT_RULES, DigitRule, DigitSequence
from extrapolate.tasks.digits import Digits, DigitSet, load_digits
from extrapolate.tasks.even_digits import EvenDigits
from extrapolate.tasks.grid_time import GridTime
from extrapolate.tasks.image_classes import ImageClasses, flip_and_shift
from extrapolate.tasks.long_dependency import LongDependency
from extrapolate.tasks.modular_arithmetic import MODULAR_OPERATIONS, ModularArithmetic
from extrapolate.tasks.number_words import WORDS, NumberWords, in_words
from extrapolate.tasks.paired_addition import PAIRS, PairedAddition
from extrapolate.tasks.permuted_digits import PermutedDigits
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
from extrapolate.tasks.subset_functions import SUM_FUNCTIONS, SubsetFunction
from extrapolate.tasks.subset_product import SubsetProduct
from extrapolate.tasks.task import Task
from extrapolate.tasks.wikitext import Corpus, NextWord, load_wikitext

__all__ = [
    "BABI_TASKS",
    "DIGIT_RULES",
    "MODULAR_OPERATIONS",
    "OPERATIONS",
    "PAIRS",
    "PUBLISHED_RANGES",
    "SUM_FUNCTIONS",
    "VOCABULARY",
    "WORDS",
    "Addition",
    "Algorithm",
    "BCDMultiplication",
    "Babi",
    "Copy",
    "Corpus",
    "DigitPairs",
    "DigitRule",
    "DigitSequence",
    "DigitSet",
    "Digits",
    "Duplicate",
    "EvenDigits",
    "Examples",
    "GridTime",
    "ImageClasses",
    "Increment",
    "LongDependency",
    "ModularArithmetic",
    "Multiplication",
    "NextWord",
    "NumberWords",
    "Operation",
    "PairedAddition",
    "PermutedDigits",
    "Picture",
    "Programs",
    "Range",
    "RangeError",
    "RangePair",
    "Reverse",
    "Scan",
    "Sentences",
    "SingleModule",
    "Sort",
    "Stories",
    "SubsetFunction",
    "SubsetProduct",
    "Task",
    "flip_and_shift",
    "in_words",
    "load_babi",
    "load_cifar",
    "load_digits",
    "load_wikitext",
    "parse_range",
    "parse_range_pairs",
]
