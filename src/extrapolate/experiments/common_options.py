"""The options that several experiments have, worded and read alike."""

from collections.abc import Sequence
from typing import Any

from extrapolate.experiments.options import available_device, joined, names_from, option
from extrapolate.tasks import RangePair, parse_range_pairs


def names_option(help: str, known: Sequence[str], kind: str) -> Any:
    """Names separated by commas, of ``known``; ``kind`` is what an error calls one."""
    return option(f"{help} {', '.join(known)}.", names_from(known, kind), joined, metavar="NAMES")


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


def device_option() -> Any:
    """``cpu`` or ``cuda``."""
    return option("Where to train: cpu or cuda.", available_device, metavar="DEVICE")
