"""Algorithmic tasks compared with Python's integers, and the properties of their hard examples."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from data_files import refused
from extrapolate._runtime.errors import UserError
from extrapolate.tasks import algorithms
from extrapolate.tasks.algorithms import (
    Addition,
    Algorithm,
    BCDMultiplication,
    Copy,
    Multiplication,
    carry_operands,
    numbers_of,
)
from task_cases import ONE_KEY

numbers = st.integers(0, 2**70)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def assert_within(values: torch.Tensor, limit: int) -> None:
    assert 0 <= int(values.min()) <= int(values.max()) < limit


def digits_in(number: int, base: int) -> list[int]:
    """Digits, least significant first; the number 0 has one."""
    digits = []
    while number or not digits:
        number, digit = divmod(number, base)
        digits.append(digit)
    return digits


@pytest.mark.parametrize(
    ("task", "pair", "width", "symbols", "answer"),
    [
        (Addition(), (5, 14), None, [2, 1, 2, 1, 11, 1, 2, 2, 2], [2, 2, 1, 1, 2, 0, 0, 0, 0]),
        (Multiplication(), (6, 10), None, [1, 2, 2, 1, 12, 1, 2, 1, 2], [1, 1, 2, 2, 2, 2, 0, 0, 0]),
        (BCDMultiplication(), (7, 8), 1, [2, 2, 2, 3, 12, 1, 1, 1, 4], [1, 2, 2, 3, 2, 1, 2, 3, 0]),
    ],
    ids=["addition", "multiplication", "multiplication in BCD"],
)
def test_examples_have_the_published_format(
    task: Addition, pair: tuple[int, int], width: int | None, symbols: list[int], answer: list[int]
) -> None:
    examples = task.of_numbers([pair], width)
    assert (examples.symbols.tolist(), examples.answer.tolist()) == ([symbols], [answer])


@given(
    pairs=st.lists(st.tuples(numbers, numbers), min_size=1, max_size=4),
    kind=st.sampled_from([Addition, Multiplication]),
    base=st.integers(2, 10),
    zero_filled=st.booleans(),
    more=st.integers(0, 3),
)
def test_answers_equal_those_of_python_integers(
    pairs: list[tuple[int, int]], kind: type[Addition], base: int, zero_filled: bool, more: int
) -> None:
    task = kind(base=base, zero_filled=zero_filled)
    width = max(len(digits_in(number, base)) for pair in pairs for number in pair) + more
    examples = task.of_numbers(pairs, width)
    assert examples.answer.shape == (len(pairs), 2 * width + 1)
    for (a, b), symbols, answer in zip(pairs, examples.symbols, examples.answer, strict=True):
        exact = a + b if kind is Addition else a * b
        assert task.number(answer) == exact
        digits = digits_in(exact, base)
        filling = [1 if zero_filled else 0] * (2 * width + 1 - len(digits))
        assert answer.tolist() == [digit + 1 for digit in digits] + filling
        assert numbers_of(torch.stack([symbols[:width], symbols[width + 1 :]]) - 1, base) == [a, b]
    assert examples.span.all()


def test_aligned_operands_are_separate_rows() -> None:
    examples = Addition(aligned=True, zero_filled=True).of_numbers([(1, 3)], width=2)
    assert examples.symbols[0].T.tolist() == [[2, 1, 0, 0, 0], [2, 2, 11, 0, 0]]
    assert examples.answer.tolist() == [[1, 1, 2, 1, 1]]
    assert examples.span.all()


@pytest.mark.parametrize(("classes", "number"), [([2, 0, 2, 0], None), ([0, 0, 0], None), ([1, 2, 0], 2)], ids=str)
def test_classes_that_are_no_number_give_none(classes: list[int], number: int | None) -> None:
    assert Addition().number(torch.tensor(classes)) == number


@given(a=st.integers(0, 10**9), b=st.integers(0, 10**9))
def test_bcd_products_are_exact(a: int, b: int) -> None:
    answer = BCDMultiplication().of_numbers([(a, b)], width=10).answer[0, :-1].view(-1, 4) - 1
    assert (answer[:, 3] >= 2).all()
    digits = (answer - torch.tensor([0, 0, 0, 2])) @ torch.tensor([1, 2, 4, 8])
    assert numbers_of(digits[None], 10) == [a * b]


@pytest.mark.parametrize(
    ("task", "symbols", "answer"),
    [
        (Copy(), [1, 2, 2], [1, 2, 2]),
        (algorithms.Reverse(), [1, 2, 2], [2, 2, 1]),
        (algorithms.Sort(5), [3, 5, 1, 3], [1, 3, 3, 5]),
        (algorithms.Increment(), [2, 2, 1], [1, 1, 2]),
        (algorithms.Increment(), [2, 2], [1, 1]),
        (algorithms.Increment(10), [10, 5], [1, 6]),
    ],
)
def test_answers_are_those_of_the_docstrings(task: Copy, symbols: list[int], answer: list[int]) -> None:
    examples = task.of(torch.tensor([symbols]))
    assert (examples.symbols.tolist(), examples.answer.tolist()) == ([symbols], [answer])


def test_duplicate_uses_half_of_the_positions() -> None:
    examples = algorithms.Duplicate(3).examples(4, 5, seeded())
    assert not examples.symbols[:, 2:].any()
    torch.testing.assert_close(examples.answer[:, :4], examples.symbols[:, :2].repeat(1, 2))
    assert examples.span.tolist() == [[True] * 4 + [False]] * 4


TASKS = [Addition(), *(each for each in ONE_KEY.values() if isinstance(each, Algorithm))]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_examples_depend_on_the_generator_only_and_impossible_lengths_raise_an_error(task: Algorithm) -> None:
    assert any(map(task.takes, range(1, 30)))
    for length in range(30):
        if not task.takes(length):
            with pytest.raises(UserError, match=f"{task.name} has no sequences of length {length}: "):
                task.examples(1, length, seeded())
            continue
        examples, again, other = (task.examples(16, length, seeded(seed)) for seed in (3, 3, 4))
        assert torch.equal(examples.symbols, again.symbols)
        assert torch.equal(examples.answer, again.answer)
        assert length < 5 or not torch.equal(examples.symbols, other.symbols)
        assert examples.answer.shape == (16, length)
        assert_within(examples.symbols, task.symbols)
        assert_within(examples.answer, task.classes)


UNUSABLE: list[Callable[[], Any]] = [
    *(partial(task, number) for task, number in ((Addition, 1), (Multiplication, 11), (Copy, 0))),
    partial(algorithms.Increment, 12),
    partial(Addition().of_numbers, [(9, 1)], width=3),
    partial(Addition().of_numbers, [(-9, 1)], width=3),
    partial(carry_operands, 1, 5, seeded(), overflow=True, width=4),
    partial(carry_operands, 1, 0, seeded(), overflow=True),
    partial(algorithms.addition_families, 3),
    partial(Copy().examples(1, 5, seeded()).pad, 4),
]


@pytest.mark.parametrize("request_", UNUSABLE)
def test_other_invalid_arguments_raise_a_one_line_error(request_: Callable[[], Any]) -> None:
    refused(request_, ".")


def test_wrong_padding_makes_an_answer_wrong() -> None:
    examples = Copy().of(torch.tensor([[1, 2], [2, 1]])).pad(4)
    assert examples.symbols.shape == (2, 4)
    logits = torch.nn.functional.one_hot(examples.answer, 3).float()
    assert not examples.wrong(logits).any()
    logits[1, 3] = torch.tensor([0.0, 0.0, 1.0])
    assert examples.wrong(logits).tolist() == [False, True]
    assert len(algorithms.together([examples, examples]).answer) == 4


def longest_carry(a: int, b: int) -> int:
    """Number of positions of the longest carry, including the one that generates it."""
    longest, now, carry = 0, 0, 0
    for position in range(max(a.bit_length(), b.bit_length())):
        one, other = a >> position & 1, b >> position & 1
        if one and other:
            now, carry = 1, 1
        elif (one or other) and carry:
            now += 1
        else:
            now, carry = 0, 0
        longest = max(longest, now)
    return longest


def test_uniform_operands_have_short_carries_and_hard_operands_long_ones() -> None:
    for draw, least, most in ((algorithms.hard_operands, 15, 500), (algorithms.uniform_operands, 0, 0)):
        pairs = zip(*map(numbers_of, draw(500, 20, 2, seeded())), strict=True)
        assert least <= sum(longest_carry(a, b) >= 15 for a, b in pairs) <= most


@pytest.mark.parametrize("draw", [algorithms.hard_operands, algorithms.varied_operands, algorithms.rippling_operands])
@given(base=st.integers(2, 10), width=st.integers(1, 30), seed=st.integers(0, 1000))
def test_operands_have_the_shape_and_the_base(draw: algorithms.Draw, base: int, width: int, seed: int) -> None:
    both = torch.stack(draw(50, width, base, seeded(seed)))
    assert both.shape == (2, 50, width)
    assert_within(both, base)


def test_shares_of_the_hard_operands_are_the_published_ones() -> None:
    pairs = list(zip(*map(numbers_of, algorithms.hard_operands(4000, 24, 2, seeded())), strict=True))
    powers = sum(s & (s - 1) == 0 or s & (s + 1) == 0 for s in map(sum, pairs)) / 4000
    assert 0.19 <= powers <= 0.25  # some runs also have such a sum
    runs = sum(any(x and (x // (x & -x)) + 1 & x // (x & -x) == 0 for x in pair) for pair in pairs)
    assert 0.18 <= runs / 4000 <= 0.27


@given(
    carry=st.integers(1, 60),
    more=st.none() | st.integers(0, 5),
    base=st.integers(2, 10),
    overflow=st.booleans(),
    seed=st.integers(0, 100),
)
def test_carry_operands_add_up_to_a_power_or_one_less_with_one_more_digit_by_default(
    carry: int, more: int | None, base: int, overflow: bool, seed: int
) -> None:
    width = None if more is None else carry + more
    a, b = carry_operands(8, carry, seeded(seed), overflow=overflow, width=width, base=base)
    moved = 1 if more is None else more
    assert a.shape == (8, carry + moved)
    allowed = {(base**carry - (not overflow)) * base**shift for shift in range(moved + 1)}
    assert {x + y for x, y in zip(numbers_of(a, base), numbers_of(b, base), strict=True)} <= allowed


@pytest.mark.parametrize("families", [algorithms.addition_families, algorithms.multiplication_families])
@pytest.mark.parametrize("width", [4, 20, 101])
def test_families_have_at_most_the_width_and_the_count(families, width: int) -> None:  # type: ignore[no-untyped-def]
    chosen = families(width, 16)
    assert chosen == families(width, 16)
    for pairs in chosen.values():
        assert 1 <= len(pairs) <= 16
        assert all(0 <= number < 2**width for pair in pairs for number in pair)


def test_families_contain_the_longest_carry_and_the_known_failures() -> None:
    chosen = algorithms.addition_families(200)
    assert (2**200 - 1, 1) in chosen["ripple"]
    assert max(longest_carry(a, b) for a, b in chosen["ripple"]) == 200
    assert {a + b for a, b in chosen["no overflow"]} <= {2**c - 1 for c in range(1, 201)}
    assert (2**200 - 1, 2**200 - 1) in chosen["all ones"]
    assert [longest_carry(a, b) for a, b in chosen["separate chains"]] == [99, 99, 98, 66, 65, 64]
    chosen = algorithms.multiplication_families(20)
    assert (2, 2) in chosen["small in a wide field"]
    assert (2**20 - 1, 2**20 - 1) in chosen["largest"]
    assert all(a == b for a, b in chosen["squares"])


def test_numbers_of_inverts_digits_of() -> None:
    values = [0, 1, 10**40, 7]
    for base in range(2, 11):
        assert numbers_of(algorithms.digits_of(values, 140, base), base) == values
    assert algorithms.digits_of([], 3).shape == (0, 3)


@pytest.mark.parametrize("base", [2, 10])
def test_varied_operands_have_long_blocks(base: int) -> None:
    pairs = algorithms.varied_operands(3_000, 20, base, seeded())
    same = [(digits == digits[:, :1]).all(1) for digits in pairs]
    assert float((same[0] & same[1]).float().mean()) > 0.01  # each operand has one digit only, such as 0
    assert 0.04 < float(same[0].float().mean()) < 0.35


@pytest.mark.parametrize("base", [2, 10])
def test_an_eighth_of_rippling_operands_has_a_power_as_sum(base: int) -> None:
    width, count = 20, 3_000
    a, b = algorithms.rippling_operands(count, width, base, seeded())
    ones = torch.minimum(a.sum(1), b.sum(1)) == 1
    sums = [x + y for x, y in zip(numbers_of(a, base), numbers_of(b, base), strict=True)]
    powers = {base**k: k for k in range(1, width + 1)}
    ripples = [powers[total] for total, one in zip(sums, ones, strict=True) if one and total in powers]
    assert 1 / 10 < len(ripples) / count < 1 / 6
    assert 0.4 < ripples.count(width) / len(ripples) < 0.7
    assert len(set(ripples)) > width / 2
