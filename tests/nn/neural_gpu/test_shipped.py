"""The networks that ship with the package: trained on at most 20 bits, correct on far longer and on hard operands."""

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
    """Return the number of sequences with an error at any position."""
    network = LOADERS[model](model) if isinstance(model, str) else model
    at_once = max(1, POSITIONS // examples.symbols.shape[1])
    pieces = zip(examples.symbols.split(at_once), examples.answer.split(at_once), strict=True)
    return sum(count_errors(network, tasks.Examples(*piece)) for piece in pieces)


def random_examples(name: str, width: int, count: int) -> tasks.Examples:
    task = ADDITION if name == ADDER else MULTIPLICATION
    return task.examples(count, 2 * width + 1, torch.Generator().manual_seed(width))


def full_carries(width: int, count: int) -> tasks.Examples:
    generator = torch.Generator().manual_seed(width)
    return ADDITION.of_digits(*carry_operands(count, width, generator, overflow=True, width=width))


def families(width: int, most: int) -> tasks.Examples:
    operands = addition_families(width, most).values()
    return ADDITION.of_numbers([pair for pairs in operands for pair in pairs], width)


@pytest.mark.parametrize(
    ("name", "experiment"), [(ADDER, "neural-gpu-addition"), (MULTIPLIER, "neural-gpu-multiplication")]
)
def test_config_describes_the_training(name: str, experiment: str) -> None:
    config = nn.load_pretrained_config(name)
    assert config["task"]["trained_bits"] == TRAINED_BITS
    assert experiment in config["made"]["command"]
    assert name != ADDER or config["made"]["seeds_trained"] >= 5


@pytest.mark.parametrize(
    ("name", "width", "count"), [(ADDER, 20, 32), (ADDER, 50, 32), (MULTIPLIER, 20, 64), (MULTIPLIER, 40, 16)]
)
def test_no_errors_beyond_twenty_bits(name: str, width: int, count: int) -> None:
    assert wrong(name, random_examples(name, width, count)) == 0
    assert name != ADDER or wrong(name, full_carries(width, 16)) == 0


def test_no_errors_on_hard_families_of_operands() -> None:
    assert wrong(ADDER, families(40, 12)) == 0


@pytest.mark.parametrize(("name", "task", "most"), [(ADDER, ADDITION, 16), (MULTIPLIER, MULTIPLICATION, 12)])
def test_no_errors_on_small_numbers_in_twenty_bits(name: str, task: tasks.Addition, most: int) -> None:
    """``extrapolate compute`` formats its operands in this way."""
    numbers = range(most)
    assert wrong(name, task.of_numbers([(a, b) for a in numbers for b in numbers], TRAINED_BITS)) == 0


def test_the_last_carries_need_extra_steps() -> None:
    """With one step per position, as published, each network makes errors on some products."""
    examples = random_examples(MULTIPLIER, 10, 512)
    for network in nn.NeuralGPUEnsemble.from_pretrained(MULTIPLIER).networks:
        assert isinstance(network, nn.DiagonalNeuralGPU)
        assert wrong(network, examples) == 0
        network.extra_steps = 0
        assert wrong(network, examples) > 0


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_each_member_of_the_ensemble_makes_errors_alone() -> None:
    """The test below finds no error of the ensemble on the same examples."""
    examples = random_examples(MULTIPLIER, 200, 256)
    ensemble = nn.NeuralGPUEnsemble.from_pretrained(MULTIPLIER)
    assert all(wrong(member, examples) > 0 for _, member in ensemble.members())


@pytest.mark.slow
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("width", [20, 25, 100, 200])
@pytest.mark.parametrize("name", LOADERS)
def test_no_errors_on_many_pairs(name: str, width: int) -> None:
    assert wrong(name, random_examples(name, width, 256 if name == MULTIPLIER and width == 200 else 1_024)) == 0
    if name == ADDER:
        assert wrong(name, full_carries(width, 64)) == 0
        assert wrong(name, families(width, 64)) == 0


@pytest.mark.slow
def test_long_carries_need_rounding() -> None:
    """Without rounding, the same weights lose some carries over 1,000 positions, but none over 200."""
    long_carries = full_carries(1_000, 16)
    assert wrong(ADDER, long_carries) == 0
    unrounded = nn.DiagonalNeuralGPU.from_pretrained(ADDER)
    unrounded.quantization_levels = None
    assert wrong(unrounded, long_carries) > 0
    assert wrong(unrounded, full_carries(200, 16)) == 0


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_no_errors_on_carries_over_two_thousand_positions() -> None:
    assert wrong(ADDER, full_carries(2_000, 8)) == 0


@pytest.mark.slow
@pytest.mark.timeout(7_200)
@pytest.mark.parametrize("part", range(4))
def test_no_errors_at_two_thousand_bits(part: int) -> None:
    """128 pairs in four parts, which can run in parallel."""
    examples = random_examples(ADDER, 2_000, 128)
    piece = slice(32 * part, 32 * (part + 1))
    assert wrong(ADDER, tasks.Examples(examples.symbols[piece], examples.answer[piece])) == 0
