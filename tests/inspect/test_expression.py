"""What a person types to be computed: two whole numbers and an operator, or a clear refusal."""

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_files import refused
from extrapolate.inspect.expression import parse


@given(a=st.integers(0, 10**60), b=st.integers(0, 10**60), sign=st.sampled_from("+*×·"))
def test_expressions_are_read(a: int, b: int, sign: str) -> None:
    operation = "addition" if sign == "+" else "multiplication"
    assert parse(f" {a} {sign}{b}") == (a, operation, b)


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
def test_what_cannot_be_computed_is_refused_in_a_line(texts: tuple[str, ...], message: str) -> None:
    for text in texts:
        refused(partial(parse, text), message)


def test_numbers_of_any_length_are_read() -> None:
    assert parse("1" * 30_000 + "+0")[0] == (10**30_000 - 1) // 9
