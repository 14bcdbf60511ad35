"""The adder that comes with the package: trained on at most 20 bits, right far beyond, where adders fail too."""

import pytest
import torch

import shipped
from extrapolate import nn, tasks
from extrapolate.tasks.algorithms import addition_families, carry_operands

ADDITION = tasks.Addition(zero_filled=True)
TRAINED_BITS = 20


def wrong(examples: tasks.Examples) -> int:
    """Of so many sums, how many the shipped network gets wrong in any place."""
    return shipped.wrong(nn.DiagonalNeuralGPU.from_pretrained("binary-addition"), examples)


def random_sums(width: int, count: int) -> tasks.Examples:
    return ADDITION.examples(count, 2 * width + 1, torch.Generator().manual_seed(width))


def full_carries(width: int, count: int) -> tasks.Examples:
    generator = torch.Generator().manual_seed(width)
    return ADDITION.of_digits(*carry_operands(count, width, generator, overflow=True, width=width))


def families(width: int, most: int) -> tasks.Examples:
    found = addition_families(width, most).values()
    return ADDITION.of_numbers([pair for pairs in found for pair in pairs], width)


def test_it_says_how_it_was_made() -> None:
    about = nn.pretrained_config("binary-addition")
    assert about["task"]["trained_bits"] == TRAINED_BITS
    assert "neural-gpu-addition" in about["made"]["command"]
    assert about["made"]["seeds_trained"] >= 5


@pytest.mark.parametrize("width", [20, 50])
def test_it_is_right_beyond_twenty_bits(width: int) -> None:
    assert wrong(random_sums(width, 32)) == 0
    assert wrong(full_carries(width, 16)) == 0


def test_it_is_right_where_adders_fail() -> None:
    assert wrong(families(40, 12)) == 0


def test_small_numbers_are_right_in_twenty_bits() -> None:
    """As ``extrapolate compute`` asks them."""
    numbers = range(16)
    assert wrong(ADDITION.of_numbers([(a, b) for a in numbers for b in numbers], TRAINED_BITS)) == 0


@pytest.mark.slow
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("width", [20, 25, 100, 200])
def test_it_makes_no_error_on_a_thousand_pairs(width: int) -> None:
    assert wrong(random_sums(width, 1_024)) == 0
    assert wrong(full_carries(width, 64)) == 0
    assert wrong(families(width, 64)) == 0


@pytest.mark.slow
def test_it_is_rounding_that_carries_far() -> None:
    """With analogue states the same weights lose some carries over 1,000 places, though none over 200."""
    far = full_carries(1_000, 16)
    assert wrong(far) == 0
    plain = nn.DiagonalNeuralGPU.from_pretrained("binary-addition")
    plain.levels = None
    assert shipped.wrong(plain, far) > 0
    assert shipped.wrong(plain, full_carries(200, 16)) == 0


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_it_carries_over_two_thousand_places() -> None:
    assert wrong(full_carries(2_000, 8)) == 0


@pytest.mark.slow
@pytest.mark.timeout(7_200)
@pytest.mark.parametrize("part", range(4))
def test_it_makes_no_error_at_two_thousand_bits(part: int) -> None:
    """128 pairs in four parts, which may run side by side."""
    every = random_sums(2_000, 128)
    piece = slice(32 * part, 32 * (part + 1))
    assert wrong(tasks.Examples(every.symbols[piece], every.answer[piece])) == 0
