"""Ranges of inputs: parsing, names, the nine published ranges, sampling, and errors."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from extrapolate._runtime.errors import UserError
from extrapolate.tasks import PUBLISHED_RANGES, Range, RangeError, RangePair, parse_range, parse_range_pairs

finite = st.floats(-1e12, 1e12, allow_nan=False, allow_infinity=False)
interval = st.tuples(finite, finite).filter(lambda ends: ends[0] < ends[1])

PUBLISHED = [
    ("U[-20,-10]", "U[-40,-20]"),
    ("U[-2,-1]", "U[-6,-2]"),
    ("U[-1.2,-1.1]", "U[-6.1,-1.2]"),
    ("U[-0.2,-0.1]", "U[-2,-0.2]"),
    ("U[-2,2]", "U[-6,-2]∪U[2,6]"),
    ("U[0.1,0.2]", "U[0.2,2]"),
    ("U[1,2]", "U[2,6]"),
    ("U[1.1,1.2]", "U[1.2,6]"),
    ("U[10,20]", "U[20,40]"),
]


def test_published_ranges_are_those_of_the_papers() -> None:
    assert [(str(pair.train), str(pair.test)) for pair in PUBLISHED_RANGES] == PUBLISHED
    assert [str(pair) for pair in PUBLISHED_RANGES] == [train for train, _ in PUBLISHED]


@given(intervals=st.lists(interval, min_size=1, max_size=3).map(tuple))
def test_name_of_a_range_keeps_every_digit_of_its_ends(intervals: tuple[tuple[float, float], ...]) -> None:
    assert parse_range(str(Range(intervals))) == Range(intervals)
    for name in ("U[-2,-1]", "U[0.1,0.2]", "U[1.23456789,2]", "U[-1e+30,1e-09]"):
        assert str(parse_range(name)) == name, "the name has no extra digits"


@pytest.mark.parametrize(
    "text", ["U[-6,-2]∪U[2,6]", "[-6,-2]|[2,6]", " U[ -6 , -2 ] ∪ U[2,6] ", "U[-6.0,-2e0]|U[2,6.]"]
)
def test_ways_to_write_a_range(text: str) -> None:
    assert parse_range(text) == Range(((-6.0, -2.0), (2.0, 6.0)))


@given(
    intervals=st.lists(interval, min_size=1, max_size=3).map(tuple),
    shape=st.lists(st.integers(0, 4), max_size=3).map(tuple),
    seed=st.integers(0, 2**31),
)
def test_samples_are_in_the_range_and_depend_on_the_generator_only(
    intervals: tuple[tuple[float, float], ...], shape: tuple[int, ...], seed: int
) -> None:
    x = Range(intervals).sample(shape, torch.Generator().manual_seed(seed))
    assert x.shape == shape
    assert x.dtype == torch.float64
    assert torch.equal(Range(intervals).sample(shape, torch.Generator().manual_seed(seed)), x)
    inside = [(low <= x) & (x <= high) for low, high in intervals]
    assert torch.stack(inside).any(0).all()


@given(seed=st.integers(0, 2**31))
def test_intervals_of_a_union_have_equal_probability(seed: int) -> None:
    """Here one interval is nine times as wide as the other."""
    x = parse_range("U[-10,-1]∪U[2,3]").sample((4000,), torch.Generator().manual_seed(seed))
    other = parse_range("U[-10,-1]∪U[2,3]").sample((4000,), torch.Generator().manual_seed(seed + 1))
    assert not torch.equal(x, other)
    left, right = x[x < 0], x[x > 0]
    assert len(left) + len(right) == 4000
    assert abs(len(left) - 2000) < 6 * math.sqrt(1000)
    assert left.min() < -9.9
    assert left.max() > -1.1
    assert left.mean().item() == pytest.approx(-5.5, abs=6 * 9 / math.sqrt(12 * len(left)))
    assert right.min() < 2.02
    assert right.max() > 2.98


BAD = {
    "U[2,1]": "less than",
    "U[1,1]": "less than",
    "U[nan,1]": "finite",
    "U[0,inf]": "finite",
    "U[-inf,0]": "finite",
    "U[1,2]∪U[4,3]": "less than",
    "U[-1e308,1e308]": "width",
    "U[a,b]": "numbers",
    "U[1,2": "write it like",
    "[1,2,3]": "write it like",
    "U[1]": "write it like",
    "1,2": "write it like",
    "": "write it like",
    "U[1,2]∪": "write it like",
    "everything\nelse": "write it like",
}


@given(text=st.text(max_size=30))
def test_any_text_is_a_range_or_a_one_line_error(text: str) -> None:
    for read in (parse_range, parse_range_pairs):
        message = ""
        try:
            read(text)
        except RangeError as error:
            message = str(error)
        assert len(message.splitlines()) <= 1


def test_pairs_are_parsed_in_order_and_a_published_range_may_have_another_test_range() -> None:
    with_own_test = RangePair(parse_range("U[1,2]"), parse_range("U[5,7]"))
    assert parse_range_pairs("U[1,2]/U[5,7]") == (with_own_test,)
    pairs = parse_range_pairs("U[1,2]; U[3,4]/U[4,9] ;[-2,2];")
    assert [(str(pair.train), str(pair.test)) for pair in pairs] == [
        ("U[1,2]", "U[2,6]"),
        ("U[3,4]", "U[4,9]"),
        ("U[-2,2]", "U[-6,-2]∪U[2,6]"),
    ]


BAD_PAIRS = {
    "U[3,4]": r"after a slash.*U\[3,4\]/",
    "U[1,2]; U[1,2]": "twice",
    "U[1,2]; [1.0,2]/U[3,4]": "twice",
    "": "no range: write",
    " ; ": "no range: write",
    "U[1,2]/": "write it like",
    "/U[1,2]": "write it like",
    "U[1,2]/U[4,3]": "less than",
    "U[1,2]/U[3,4]/U[5,6]": "write it like",
    "U[-6,-2]∪U[2,6]/U[7,8]": "one interval",
    "U[2,1]/U[3,4]": "less than",
}


@pytest.mark.parametrize(
    ("read", "text", "message"),
    [
        *((parse_range, text, message) for text, message in BAD.items()),
        *((parse_range_pairs, text, message) for text, message in BAD_PAIRS.items()),
        (lambda _: Range(()), "no intervals", "at least one"),
    ],
)
def test_invalid_ranges_and_pairs_raise_a_one_line_error(
    read: Callable[[str], object], text: str, message: str
) -> None:
    with pytest.raises(RangeError, match=message) as caught:
        read(text)
    assert isinstance(caught.value, UserError)
    assert isinstance(caught.value, ValueError)
    assert "\n" not in str(caught.value)
