"""Algorithmic tasks against Python's own integers, and what their hard examples are for."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from extrapolate.errors import UserError
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
    addition_families,
    carry_operands,
    digits_of,
    hard_operands,
    multiplication_families,
    numbers_of,
    parsed,
    rippling_operands,
    together,
    varied_operands,
)

ARITHMETIC = {"+": Addition, "*": Multiplication}
numbers = st.integers(0, 2**70)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def computed(operator: str, a: int, b: int) -> int:
    return a + b if operator == "+" else a * b


def written(number: int, base: int) -> list[int]:
    """Digits, least significant first; of zero one."""
    digits = []
    while number or not digits:
        number, digit = divmod(number, base)
        digits.append(digit)
    return digits


# ------------------------------------------------------------------------------------------- the layouts


def test_published_examples_are_written_as_published() -> None:
    sum_of = Addition().of_numbers([(5, 14)])
    assert sum_of.symbols.tolist() == [[2, 1, 2, 1, 11, 1, 2, 2, 2]]
    assert sum_of.answer.tolist() == [[2, 2, 1, 1, 2, 0, 0, 0, 0]]
    product = Multiplication().of_numbers([(6, 10)])
    assert product.symbols.tolist() == [[1, 2, 2, 1, 12, 1, 2, 1, 2]]
    assert product.answer.tolist() == [[1, 1, 2, 2, 2, 2, 0, 0, 0]]


@given(
    pairs=st.lists(st.tuples(numbers, numbers), min_size=1, max_size=4),
    operator=st.sampled_from("+*"),
    base=st.integers(2, 10),
    zero_filled=st.booleans(),
    more=st.integers(0, 3),
)
def test_answers_are_those_of_pythons_integers(
    pairs: list[tuple[int, int]], operator: str, base: int, zero_filled: bool, more: int
) -> None:
    task = ARITHMETIC[operator](base=base, zero_filled=zero_filled)
    width = max(len(written(number, base)) for pair in pairs for number in pair) + more
    examples = task.of_numbers(pairs, width)
    assert examples.answer.shape == (len(pairs), 2 * width + 1)
    for (a, b), symbols, answer in zip(pairs, examples.symbols, examples.answer, strict=True):
        exact = computed(operator, a, b)
        assert task.number(answer) == exact
        digits = written(exact, base)
        filling = [1 if zero_filled else 0] * (2 * width + 1 - len(digits))
        assert answer.tolist() == [digit + 1 for digit in digits] + filling
        assert numbers_of(symbols[None, :width] - 1, base) == [a]
        assert numbers_of(symbols[None, width + 1 :] - 1, base) == [b]
    assert examples.span.all()


def test_aligned_operands_stand_over_each_other() -> None:
    examples = Addition(aligned=True, zero_filled=True).of_numbers([(1, 3)], width=2)
    assert examples.symbols[0].T.tolist() == [[2, 1, 0, 0, 0], [2, 2, 11, 0, 0]]
    assert examples.answer.tolist() == [[1, 1, 2, 1, 1]]
    plain = Addition(zero_filled=True).of_numbers([(1, 3)], width=2)
    assert examples.answer.tolist() == plain.answer.tolist()
    assert examples.span.all()


def test_a_row_of_classes_that_writes_no_number_is_none() -> None:
    task = Addition()
    assert task.number(torch.tensor([2, 0, 2, 0])) is None
    assert task.number(torch.tensor([0, 0, 0])) is None
    assert task.number(torch.tensor([1, 2, 0])) == 2


def test_bcd_is_written_as_in_the_docstring() -> None:
    examples = BCDMultiplication().of_numbers([(7, 8)], width=1)
    assert (examples.symbols - 1).tolist() == [[1, 1, 1, 2, 11, 0, 0, 0, 3]]
    assert (examples.answer - 1).tolist() == [[0, 1, 1, 2, 1, 0, 1, 2, -1]]


@given(a=st.integers(0, 10**9), b=st.integers(0, 10**9))
def test_bcd_products_are_exact(a: int, b: int) -> None:
    answer = BCDMultiplication().of_numbers([(a, b)], width=10).answer[0, :-1].view(-1, 4) - 1
    assert (answer[:, 3] >= 2).all()
    digits = (answer - torch.tensor([0, 0, 0, 2])) @ torch.tensor([1, 2, 4, 8])
    assert numbers_of(digits[None], 10) == [a * b]


# ------------------------------------------------------------------------------------------ the sequences


@pytest.mark.parametrize(
    ("task", "given_symbols", "answer"),
    [
        (Copy(), [1, 2, 2], [1, 2, 2]),
        (Reverse(), [1, 2, 2], [2, 2, 1]),
        (Sort(5), [3, 5, 1, 3], [1, 3, 3, 5]),
        (Increment(), [2, 2, 1], [1, 1, 2]),
        (Increment(), [2, 2], [1, 1]),
        (Increment(10), [10, 5], [1, 6]),
    ],
)
def test_sequences_become_what_the_docstrings_say(
    task: Copy, given_symbols: list[int], answer: list[int]
) -> None:
    examples = task.of(torch.tensor([given_symbols]))
    assert examples.symbols.tolist() == [given_symbols]
    assert examples.answer.tolist() == [answer]


def test_duplicate_uses_half_of_the_places() -> None:
    examples = Duplicate(3).examples(4, 5, seeded())
    assert not examples.symbols[:, 2:].any()
    torch.testing.assert_close(examples.answer[:, :4], examples.symbols[:, :2].repeat(1, 2))
    assert examples.span.tolist() == [[True] * 4 + [False]] * 4


TASKS: list[Algorithm] = [
    Copy(),
    Reverse(),
    Duplicate(),
    Sort(5),
    Increment(),
    Addition(),
    Addition(4, operands=hard_operands),
    Multiplication(10, aligned=True),
    BCDMultiplication(),
]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_examples_follow_from_the_generator_and_stay_within_their_symbols(task: Algorithm) -> None:
    lengths = [length for length in range(1, 30) if task.takes(length)]
    assert lengths
    for length in lengths:
        examples = task.examples(16, length, seeded(3))
        again = task.examples(16, length, seeded(3))
        other = task.examples(16, length, seeded(4))
        assert torch.equal(examples.symbols, again.symbols)
        assert torch.equal(examples.answer, again.answer)
        assert length < 5 or not torch.equal(examples.symbols, other.symbols)
        assert examples.answer.shape == (16, length)
        assert 0 <= int(examples.symbols.min()) <= int(examples.symbols.max()) < task.symbols
        assert 0 <= int(examples.answer.min()) <= int(examples.answer.max()) < task.classes


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_lengths_that_cannot_be_are_refused_in_a_line(task: Algorithm) -> None:
    for length in (length for length in range(10) if not task.takes(length)):
        with pytest.raises(UserError, match=f"{task.name} has no sequences of {length} places: "):
            task.examples(1, length, seeded())


def test_other_unusable_requests_are_refused_in_a_line() -> None:
    requests = [
        lambda: Addition(1),
        lambda: Multiplication(11),
        lambda: Copy(0),
        lambda: Increment(12),
        lambda: Addition().of_numbers([(9, 1)], width=3),
        lambda: Addition().of_numbers([(-9, 1)], width=3),
        lambda: carry_operands(1, 5, seeded(), overflow=True, width=4),
        lambda: carry_operands(1, 0, seeded(), overflow=True),
        lambda: addition_families(3),
        lambda: Copy().examples(1, 5, seeded()).padded(4),
    ]
    for request in requests:
        with pytest.raises(UserError, match=r"^[^\n]+$"):
            request()


def test_padding_counts_when_an_answer_is_judged() -> None:
    examples = Copy().of(torch.tensor([[1, 2], [2, 1]])).padded(4)
    assert examples.symbols.shape == (2, 4)
    logits = torch.nn.functional.one_hot(examples.answer, 3).float()
    assert not examples.wrong(logits).any()
    logits[1, 3] = torch.tensor([0.0, 0.0, 1.0])
    assert examples.wrong(logits).tolist() == [False, True]
    both: Examples = together([examples, examples])
    assert len(both.answer) == 4


# --------------------------------------------------------------------------------------------- operands


def longest_carry(a: int, b: int) -> int:
    """Places that one carry goes through, the one that starts it included."""
    longest, now, carry = 0, 0, 0
    for place in range(max(a.bit_length(), b.bit_length())):
        one, other = a >> place & 1, b >> place & 1
        if one and other:
            now, carry = 1, 1
        elif (one or other) and carry:
            now += 1
        else:
            now, carry = 0, 0
        longest = max(longest, now)
    return longest


def test_random_operands_have_short_carries_and_the_hard_mix_long_ones() -> None:
    mixed = [list(map(numbers_of, hard_operands(500, 20, 2, seeded())))]
    lengths = [longest_carry(a, b) for pair in mixed for a, b in zip(*pair, strict=True)]
    assert sum(length >= 15 for length in lengths) >= 15
    pair = [torch.randint(2, (500, 20), generator=seeded()) for _ in range(2)]
    plain = [longest_carry(a, b) for a, b in zip(*map(numbers_of, pair), strict=True)]
    assert sum(length >= 15 for length in plain) == 0


@given(base=st.integers(2, 10), width=st.integers(1, 30), seed=st.integers(0, 1000))
def test_hard_operands_fit_and_a_fifth_adds_up_to_a_power(base: int, width: int, seed: int) -> None:
    a, b = hard_operands(50, width, base, seeded(seed))
    assert a.shape == b.shape == (50, width)
    assert 0 <= int(torch.stack([a, b]).min()) <= int(torch.stack([a, b]).max()) < base


def test_shares_of_the_hard_mix_are_the_published_ones() -> None:
    a, b = (numbers_of(side) for side in hard_operands(4000, 24, 2, seeded()))
    sums = [x + y for x, y in zip(a, b, strict=True)]
    powers = sum(s & (s - 1) == 0 or s & (s + 1) == 0 for s in sums) / 4000
    assert 0.19 <= powers <= 0.25  # some of the runs add up to one too
    runs = sum(
        any(x and (x // (x & -x)) + 1 & x // (x & -x) == 0 for x in pair) for pair in zip(a, b, strict=True)
    )
    assert 0.18 <= runs / 4000 <= 0.27


@given(
    carry=st.integers(1, 60),
    more=st.integers(0, 5),
    base=st.integers(2, 10),
    overflow=st.booleans(),
    seed=st.integers(0, 100),
)
def test_carry_operands_add_up_to_the_power_or_just_below(
    carry: int, more: int, base: int, overflow: bool, seed: int
) -> None:
    width = carry + more
    a, b = carry_operands(8, carry, seeded(seed), overflow=overflow, width=width, base=base)
    assert a.shape == (8, width)
    allowed = {(base**carry - (not overflow)) * base**moved for moved in range(more + 1)}
    assert {x + y for x, y in zip(numbers_of(a, base), numbers_of(b, base), strict=True)} <= allowed


def test_carry_operands_have_one_place_more_unless_told() -> None:
    a, b = carry_operands(64, 9, seeded(), overflow=True)
    assert a.shape == (64, 10)
    assert {x + y for x, y in zip(numbers_of(a), numbers_of(b), strict=True)} == {512}


# ---------------------------------------------------------------------------------------------- families


@pytest.mark.parametrize("families", [addition_families, multiplication_families])
@pytest.mark.parametrize("width", [4, 20, 101])
def test_families_fit_their_width_and_are_as_many_as_asked(families, width: int) -> None:  # type: ignore[no-untyped-def]
    chosen = families(width, 16)
    assert chosen == families(width, 16)
    for pairs in chosen.values():
        assert 1 <= len(pairs) <= 16
        assert all(0 <= number < 2**width for pair in pairs for number in pair)


def test_addition_families_contain_the_chain_of_full_length() -> None:
    chosen = addition_families(200)
    assert (2**200 - 1, 1) in chosen["ripple"]
    assert max(longest_carry(a, b) for a, b in chosen["ripple"]) == 200
    assert {a + b for a, b in chosen["no overflow"]} <= {2**c - 1 for c in range(1, 201)}
    assert (2**200 - 1, 2**200 - 1) in chosen["all ones"]
    assert [longest_carry(a, b) for a, b in chosen["separate chains"]] == [99, 99, 98, 66, 65, 64]


def test_multiplication_families_contain_the_known_failures() -> None:
    chosen = multiplication_families(20)
    assert (2, 2) in chosen["small in a wide field"]
    assert (2**20 - 1, 2**20 - 1) in chosen["largest"]
    assert all(a == b for a, b in chosen["squares"])


# --------------------------------------------------------------------------------------------- expressions


@given(a=st.integers(0, 10**60), b=st.integers(0, 10**60), sign=st.sampled_from("+*×·"))
def test_expressions_are_read(a: int, b: int, sign: str) -> None:
    operation = "addition" if sign == "+" else "multiplication"
    assert parsed(f" {a} {sign}{b}") == (a, operation, b)


def test_numbers_of_many_digits_are_read() -> None:
    assert parsed("1" * 30_000 + "+0")[0] == (10**30_000 - 1) // 9


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "nothing to compute"),
        ("  ", "nothing to compute"),
        ("12 30", "no operator"),
        ("1 + 2 + 3", "2 operators"),
        ("1 +", "missing"),
        ("-3 + 4", "negative"),
        ("3 + x", "not a whole number"),
        ("3.5 + 1", "not a whole number"),
        ("²+1", "not a whole number"),
    ],
)
def test_what_cannot_be_computed_is_refused_in_a_line(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parsed(text)


def test_digits_and_numbers_are_each_others_inverse() -> None:
    values = [0, 1, 10**40, 7]
    for base in range(2, 11):
        assert numbers_of(digits_of(values, 140, base), base) == values
    empty: Tensor = digits_of([], 3)
    assert empty.shape == (0, 3)


@pytest.mark.parametrize("base", [2, 10])
def test_varied_operands_fit_and_have_long_blocks(base: int) -> None:
    pairs = varied_operands(3_000, 20, base, torch.Generator().manual_seed(0))
    for digits in pairs:
        assert digits.shape == (3_000, 20)
        assert 0 <= int(digits.min()) <= int(digits.max()) < base
    same = [(digits == digits[:, :1]).all(1) for digits in pairs]
    assert float((same[0] & same[1]).float().mean()) > 0.01  # both of one digit throughout, zero among them
    assert 0.04 < float(same[0].float().mean()) < 0.35


@pytest.mark.parametrize("base", [2, 10])
def test_an_eighth_of_rippling_operands_is_one_carry_and_nothing_else(base: int) -> None:
    width, count = 20, 3_000
    a, b = rippling_operands(count, width, base, torch.Generator().manual_seed(0))
    assert 0 <= int(torch.minimum(a, b).min()) <= int(torch.maximum(a, b).max()) < base
    ones = torch.minimum(a.sum(1), b.sum(1)) == 1
    sums = [x + y for x, y in zip(numbers_of(a, base), numbers_of(b, base), strict=True)]
    powers = {base**k: k for k in range(1, width + 1)}
    ripples = [
        powers[total] for total, one in zip(sums, ones.tolist(), strict=True) if one and total in powers
    ]
    assert 1 / 10 < len(ripples) / count < 1 / 6
    assert 0.4 < ripples.count(width) / len(ripples) < 0.7
    assert len(set(ripples)) > width / 2
