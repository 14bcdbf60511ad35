"""The options that several experiments have, worded and read alike."""

from collections.abc import Sequence
from typing import Any

from extrapolate.errors import UserError
from extrapolate.experiments.options import (
    at_least,
    available_device,
    joined,
    name_from,
    names_from,
    numbers_from,
    option,
)
from extrapolate.tasks import RangePair, parse_range_pairs


def names_option(help: str, known: Sequence[str], kind: str) -> Any:
    """Names separated by commas, of ``known``; ``kind`` is what an error calls one."""
    return option(f"{help} {', '.join(known)}.", names_from(known, kind), joined, metavar="NAMES")


def name_option(help: str, known: Sequence[str], kind: str) -> Any:
    """One of ``known``; ``kind`` is what an error calls one."""
    return option(help, name_from(known, kind), metavar="NAME")


def numbers_option(help: str, minimum: int) -> Any:
    """Whole numbers separated by commas, none below ``minimum``; an underscore may part thousands."""
    return option(help, numbers_from(at_least(minimum)), _numbers_written, metavar="NUMBERS")


def _numbers_written(numbers: tuple[int, ...]) -> str:
    return ",".join(map(str, numbers))


def ranges_option() -> Any:
    """Pairs of a training and a test range."""
    return option(
        "Ranges separated by ';': a published training range as 'U[-2,-1]', or your own with the range "
        "to test on, 'U[3,4]/U[4,9]'.",
        parse_range_pairs,
        _written,
        metavar="RANGES",
    )


def _written(pairs: tuple[RangePair, ...]) -> str:
    return "; ".join(f"{pair.train}/{pair.test}" for pair in pairs)


def distance_option() -> Any:
    """How far off its exact value every weight of a network is that just counts as right."""
    return option(
        "Solved: nearer than sums whose weights are all this far off.", _distance, "{:g}".format, metavar="E"
    )


def _distance(text: str) -> float:
    """A number between 0 and 0.5, both excluded."""
    try:
        value = float(text)
    except ValueError:
        raise UserError(f"{text!r} is not a number") from None
    if not 0 < value < 0.5:
        raise UserError(f"{text} must be above 0 and below 0.5")
    return value


def rate_option(help: str) -> Any:
    """A learning rate."""
    return option(help, _rate, "{:g}".format, metavar="X")


def _rate(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise UserError(f"{text!r} is not a number") from None
    if not 0 < value < float("inf"):
        raise UserError(f"{text} is no learning rate: give a number above 0, such as 0.001")
    return value


def share_option(help: str) -> Any:
    """A number from 0 to below 1."""
    return option(help, _share, "{:g}".format, metavar="X")


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise UserError(f"{text!r} is not a number") from None
    if not 0 <= value < 1:
        raise UserError(f"{text} must be at least 0 and below 1")
    return value


def device_option() -> Any:
    """``cpu`` or ``cuda``."""
    return option("Where to train: cpu or cuda.", available_device, metavar="DEVICE")
