"""Ranges of inputs: a training interval, and a wider one to test on."""

import math
import re
from dataclasses import dataclass

import torch
from torch import Tensor

from extrapolate import ops
from extrapolate._runtime.errors import UserError


class RangeError(UserError, ValueError):
    """Raised for a range that cannot be sampled."""


def spread(uniform: Tensor, low: Tensor | float, high: Tensor | float) -> Tensor:
    """Map numbers from [0, 1) to [low, high). Tensors broadcast, so each replica may have a different range."""
    return low + (high - low) * uniform


@dataclass(frozen=True)
class Range:
    """A union of intervals, each sampled with the same probability. ``str`` returns the published name.

    >>> str(Range(((-6.0, -2.0), (2.0, 6.0))))
    'U[-6,-2]∪U[2,6]'
    """

    intervals: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        if not self.intervals:
            raise RangeError("a range needs at least one interval, got none")
        for low, high in self.intervals:
            if not (math.isfinite(low) and math.isfinite(high)):
                raise RangeError(f"range {_name(low, high)}: both ends must be finite numbers")
            if low >= high:
                raise RangeError(f"range {_name(low, high)}: the low end must be less than the high end")
            if not math.isfinite(high - low):
                raise RangeError(f"range {_name(low, high)}: its width must be a finite number")

    def sample(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Sample float64 numbers of ``shape``; each number has a random interval of the union."""
        uniform = torch.rand(shape, generator=generator, dtype=torch.float64)
        ends = torch.tensor(self.intervals, dtype=torch.float64)
        side = torch.randint(len(self.intervals), shape, generator=generator)
        return spread(uniform, ends[side, 0], ends[side, 1])

    def sample_keyed(self, shape: tuple[int, ...], key: Tensor) -> Tensor:
        """Sample float32 numbers of ``shape``, a function of ``key`` (:func:`ops.uniform`).

        The range must consist of a single interval.
        """
        ((low, high),) = self.intervals
        return spread(ops.uniform(key, shape), low, high)

    def __str__(self) -> str:
        return "∪".join(_name(low, high) for low, high in self.intervals)


def _name(low: float, high: float) -> str:
    """Return a name such as ``U[0.1,2]``, with the shortest decimals that identify the ends."""
    return "U[{},{}]".format(*(repr(float(end)).removesuffix(".0") for end in (low, high)))


@dataclass(frozen=True)
class RangePair:
    """A training range and a test range; ``str`` returns the name of the training range."""

    train: Range
    test: Range

    def __post_init__(self) -> None:
        if len(self.train.intervals) != 1:
            raise RangeError(f"training range {self.train}: use one interval")

    def sample_fixed(self, shape: tuple[int, ...]) -> dict[str, Tensor]:
        """Return float64 numbers of ``shape`` for ``validation`` and ``test``; every call returns the same ones."""
        return {
            name: each.sample(shape, torch.Generator().manual_seed(seed))
            for name, each, seed in (("validation", self.train, 1), ("test", self.test, 2))
        }

    def __str__(self) -> str:
        return str(self.train)


_INTERVAL = re.compile(r"U?\[([^\[\],]+),([^\[\],]+)\]")


def parse_range(text: str) -> Range:
    """Parse a range such as ``U[-6,-2]∪U[2,6]``. The U is optional; ``|`` may replace ∪.

    Raises:
        RangeError: the text is not a range.
    """
    intervals = []
    for part in re.split(r"[∪|]", text):
        match = _INTERVAL.fullmatch(re.sub(r"\s", "", part))
        if match is None:
            raise RangeError(f"range {text!r}: write it like U[-2,2] or U[-6,-2]∪U[2,6]")
        try:
            intervals.append((float(match[1]), float(match[2])))
        except ValueError:
            raise RangeError(f"range {text!r}: its ends must be numbers") from None
    return Range(tuple(intervals))


def _pair(train: str, test: str) -> RangePair:
    return RangePair(parse_range(train), parse_range(test))


#: The nine pairs of Madsen & Johansen 2020; later papers use the same.
PUBLISHED_RANGES: tuple[RangePair, ...] = (
    _pair("U[-20,-10]", "U[-40,-20]"),
    _pair("U[-2,-1]", "U[-6,-2]"),
    _pair("U[-1.2,-1.1]", "U[-6.1,-1.2]"),
    _pair("U[-0.2,-0.1]", "U[-2,-0.2]"),
    _pair("U[-2,2]", "U[-6,-2]∪U[2,6]"),
    _pair("U[0.1,0.2]", "U[0.2,2]"),
    _pair("U[1,2]", "U[2,6]"),
    _pair("U[1.1,1.2]", "U[1.2,6]"),
    _pair("U[10,20]", "U[20,40]"),
)


def parse_range_pairs(text: str) -> tuple[RangePair, ...]:
    """Parse range pairs separated by ``;``, such as ``U[1,2]; U[3,4]/U[4,9]``.

    If you write only a training range, and it is one of the nine published ones, its published test range is added.
    After any other training range, write the test range after a slash.

    Raises:
        RangeError: the text has no pair, an invalid range or a training range twice.
    """
    published = {str(pair): pair for pair in PUBLISHED_RANGES}
    pairs = []
    for part in filter(None, (piece.strip() for piece in text.split(";"))):
        train_text, slash, test_text = part.partition("/")
        train = parse_range(train_text)
        if slash:
            pairs.append(RangePair(train, parse_range(test_text)))
        elif str(train) in published:
            pairs.append(published[str(train)])
        else:
            raise RangeError(
                f"range {train} is not one of the nine published ones: add a test range after a slash, "
                f"as in {train}/U[2,6]"
            )
    if not pairs:
        raise RangeError("no range: write them like 'U[1,2]; U[3,4]/U[4,9]'")
    names = [str(pair) for pair in pairs]
    for name in names:
        if names.count(name) > 1:
            raise RangeError(f"training range {name} occurs twice: remove one")
    return tuple(pairs)
