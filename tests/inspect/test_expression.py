"""Parsing of expressions: two whole numbers and an operator, or a clear error."""

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_files import refused
from extrapolate.inspect.expression import parse


@given(a=st.integers(0, 10**60), b=st.integers(0, 10**60), sign=st.sampled_from("+*×·"))
def test_expressions_are_parsed(a: int, b: int, sign: str) -> None:
    operator = "addition" if sign == "+" else "multiplication"
    assert parse(f" {a} {sign}{b}") == (a, operator, b)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (("", "  "), "nothing to compute"),
        (("12 30",), "no operator"),
        (("1 + 2 + 3",), "2 operators"),
        (("1 +",), "missing"),
        (("-3 + 4",), "negative"),
        (("3 + x", "3.5 + 1", "²+1"), "not a whole number"),
    ],
)
def test_invalid_expressions_are_refused_in_one_line(texts: tuple[str, ...], message: str) -> None:
    for text in texts:
        refused(partial(parse, text), message)


def test_numbers_of_any_length_are_parsed() -> None:
    assert parse("1" * 30_000 + "+0")[0] == (10**30_000 - 1) // 9
