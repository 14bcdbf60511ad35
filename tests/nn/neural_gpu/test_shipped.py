"""The networks that come with the package: trained on at most 20 bits, right far beyond, where adders fail too."""

from collections.abc import Callable

import pytest
import torch

from extrapolate import nn, tasks
from extrapolate.experiments.algorithms._testing import POSITIONS, count_errors
from extrapolate.tasks.algorithms import addition_families, carry_operands

Model = nn.DiagonalNeuralGPU | nn.NeuralGPUEnsemble

TRAINED_BITS = 20
ADDITION, MULTIPLICATION = tasks.Addition(zero_filled=True), tasks.Multiplication(zero_filled=True)
ADDER, MULTIPLIER = "binary-addition", "binary-multiplication"
LOADERS: dict[str, Callable[[str], Model]] = {
    ADDER: nn.DiagonalNeuralGPU.from_pretrained,
    MULTIPLIER: nn.NeuralGPUEnsemble.from_pretrained,
}


def wrong(model: str | Model, examples: tasks.Examples) -> int:
    """Of so many sequences, how many ``model`` gets wrong in any place."""
    network = LOADERS[model](model) if isinstance(model, str) else model
    at_once = max(1, POSITIONS // examples.symbols.shape[1])
    pieces = zip(examples.symbols.split(at_once), examples.answer.split(at_once), strict=True)
    return sum(count_errors(network, tasks.Examples(*piece)) for piece in pieces)


def drawn(name: str, width: int, count: int) -> tasks.Examples:
    task = ADDITION if name == ADDER else MULTIPLICATION
    return task.examples(count, 2 * width + 1, torch.Generator().manual_seed(width))


def full_carries(width: int, count: int) -> tasks.Examples:
    generator = torch.Generator().manual_seed(width)
    return ADDITION.of_digits(*carry_operands(count, width, generator, overflow=True, width=width))


def families(width: int, most: int) -> tasks.Examples:
    found = addition_families(width, most).values()
    return ADDITION.of_numbers([pair for pairs in found for pair in pairs], width)


@pytest.mark.parametrize(
    ("name", "experiment"), [(ADDER, "neural-gpu-addition"), (MULTIPLIER, "neural-gpu-multiplication")]
)
def test_it_says_how_it_was_made(name: str, experiment: str) -> None:
    about = nn.load_pretrained_config(name)
    assert about["task"]["trained_bits"] == TRAINED_BITS
    assert experiment in about["made"]["command"]
    assert name != ADDER or about["made"]["seeds_trained"] >= 5


@pytest.mark.parametrize(
    ("name", "width", "count"), [(ADDER, 20, 32), (ADDER, 50, 32), (MULTIPLIER, 20, 64), (MULTIPLIER, 40, 16)]
)
def test_it_is_right_beyond_twenty_bits(name: str, width: int, count: int) -> None:
    assert wrong(name, drawn(name, width, count)) == 0
    assert name != ADDER or wrong(name, full_carries(width, 16)) == 0


def test_it_is_right_where_adders_fail() -> None:
    assert wrong(ADDER, families(40, 12)) == 0


@pytest.mark.parametrize(("name", "task", "most"), [(ADDER, ADDITION, 16), (MULTIPLIER, MULTIPLICATION, 12)])
def test_small_numbers_are_right_in_twenty_bits(name: str, task: tasks.Addition, most: int) -> None:
    """As ``extrapolate compute`` asks them."""
    numbers = range(most)
    assert wrong(name, task.of_numbers([(a, b) for a in numbers for b in numbers], TRAINED_BITS)) == 0


def test_the_last_carries_need_steps_beyond_the_places() -> None:
    """As many steps as places, as published, and each network is wrong on some products of any width."""
    asked = drawn(MULTIPLIER, 10, 512)
    for network in nn.NeuralGPUEnsemble.from_pretrained(MULTIPLIER).networks:
        assert isinstance(network, nn.DiagonalNeuralGPU)
        assert wrong(network, asked) == 0
        network.extra_steps = 0
        assert wrong(network, asked) > 0


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_its_networks_are_right_together_where_each_errs() -> None:
    asked = drawn(MULTIPLIER, 200, 256)
    together = nn.NeuralGPUEnsemble.from_pretrained(MULTIPLIER)
    assert all(wrong(member, asked) > 0 for _, member in together.members())


@pytest.mark.slow
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("width", [20, 25, 100, 200])
@pytest.mark.parametrize("name", LOADERS)
def test_it_makes_no_error_on_many_pairs(name: str, width: int) -> None:
    assert wrong(name, drawn(name, width, 256 if name == MULTIPLIER and width == 200 else 1_024)) == 0
    if name == ADDER:
        assert wrong(name, full_carries(width, 64)) == 0
        assert wrong(name, families(width, 64)) == 0


@pytest.mark.slow
def test_it_is_rounding_that_carries_far() -> None:
    """With analogue states the same weights lose some carries over 1,000 places, though none over 200."""
    far = full_carries(1_000, 16)
    assert wrong(ADDER, far) == 0
    plain = nn.DiagonalNeuralGPU.from_pretrained(ADDER)
    plain.quantization_levels = None
    assert wrong(plain, far) > 0
    assert wrong(plain, full_carries(200, 16)) == 0


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_it_carries_over_two_thousand_places() -> None:
    assert wrong(ADDER, full_carries(2_000, 8)) == 0


@pytest.mark.slow
@pytest.mark.timeout(7_200)
@pytest.mark.parametrize("part", range(4))
def test_it_makes_no_error_at_two_thousand_bits(part: int) -> None:
    """128 pairs in four parts, which may run side by side."""
    every = drawn(ADDER, 2_000, 128)
    piece = slice(32 * part, 32 * (part + 1))
    assert wrong(ADDER, tasks.Examples(every.symbols[piece], every.answer[piece])) == 0
