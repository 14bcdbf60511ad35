"""Where data come from. A task knows its inputs' range, its wider test range, and when an answer is right.

It knows no model. Arithmetic: :class:`SingleModule`, over :class:`Operation` and :class:`Range`.
Later: digits, sequences, algorithms, environments, a file each.
"""

from extrapolate.tasks.arithmetic import OPERATIONS, Operation, SingleModule
from extrapolate.tasks.ranges import (
    PUBLISHED_RANGES,
    Range,
    RangeError,
    RangePair,
    parse_range,
    parse_range_pairs,
)

__all__ = [
    "OPERATIONS",
    "PUBLISHED_RANGES",
    "Operation",
    "Range",
    "RangeError",
    "RangePair",
    "SingleModule",
    "parse_range",
    "parse_range_pairs",
]
