"""The multiplier that comes with the package: trained on at most 20 bits, right far beyond."""

import pytest
import torch

import shipped
from extrapolate import nn, tasks
from extrapolate.tasks.algorithms import multiplication_families

MULTIPLICATION = tasks.Multiplication(zero_filled=True)
TRAINED_BITS = 20


def wrong(examples: tasks.Examples) -> int:
    """Of so many products, how many the shipped network gets wrong in any place."""
    return shipped.wrong(nn.NeuralGPUEnsemble.from_pretrained("binary-multiplication"), examples)


def random_products(width: int, count: int) -> tasks.Examples:
    return MULTIPLICATION.examples(count, 2 * width + 1, torch.Generator().manual_seed(width))


def families(width: int, most: int) -> tasks.Examples:
    found = multiplication_families(width, most).values()
    return MULTIPLICATION.of_numbers([pair for pairs in found for pair in pairs], width)


def test_it_says_how_it_was_made() -> None:
    about = nn.pretrained_config("binary-multiplication")
    assert about["task"]["trained_bits"] == TRAINED_BITS
    assert "neural-gpu-multiplication" in about["made"]["command"]


def test_it_is_right_beyond_twenty_bits() -> None:
    assert wrong(random_products(20, 64)) == 0
    assert wrong(random_products(40, 16)) == 0


def test_small_numbers_are_right_in_twenty_bits() -> None:
    """As ``extrapolate compute`` asks them."""
    numbers = range(12)
    assert wrong(MULTIPLICATION.of_numbers([(a, b) for a in numbers for b in numbers], TRAINED_BITS)) == 0


def test_the_last_carries_need_steps_beyond_the_places() -> None:
    """As many steps as places, as published, and each network is wrong on some products of any width."""
    asked = random_products(10, 512)
    for network in nn.NeuralGPUEnsemble.from_pretrained("binary-multiplication").networks:
        assert isinstance(network, nn.DiagonalNeuralGPU)
        assert shipped.wrong(network, asked) == 0
        network.slack = 0
        assert shipped.wrong(network, asked) > 0


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_its_networks_are_right_together_where_each_errs() -> None:
    asked = random_products(200, 256)
    together = nn.NeuralGPUEnsemble.from_pretrained("binary-multiplication")
    assert all(shipped.wrong(member, asked) > 0 for _, member in together.members())


@pytest.mark.slow
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize(("width", "count"), [(20, 1_024), (25, 1_024), (100, 1_024), (200, 256)])
def test_it_makes_no_error_on_many_pairs(width: int, count: int) -> None:
    assert wrong(random_products(width, count)) == 0
