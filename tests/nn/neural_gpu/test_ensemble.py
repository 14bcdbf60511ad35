"""Diagonal Neural GPUs that answer together."""

from pathlib import Path

import pytest
import torch

from extrapolate import nn

ANSWERS = [(0, 3, False), (0, None, True), (1, 4, False)]


def ensemble() -> nn.NeuralGPUEnsemble:
    arguments = [nn.DiagonalNeuralGPU(13, 3, maps, extra_steps=2).arguments() for maps in (6, 9)]
    return nn.NeuralGPUEnsemble(arguments, ANSWERS)


def symbols() -> torch.Tensor:
    return torch.tensor([[1, 2, 11, 2, 1], [2, 2, 11, 1, 2]])


def swapped() -> torch.Tensor:
    return torch.tensor([[2, 1, 11, 1, 2], [1, 2, 11, 2, 2]])


def test_logits_are_the_mean_over_networks_levels_and_orders() -> None:
    model = ensemble()
    found = []
    for index, levels, other_order in ANSWERS:
        network = model.networks[index]
        assert isinstance(network, nn.DiagonalNeuralGPU)
        alone = nn.DiagonalNeuralGPU(13, 3, network.channels, extra_steps=2, quantization_levels=levels)
        alone.load_state_dict(network.state_dict())
        found.append(alone(swapped() if other_order else symbols()))
    torch.testing.assert_close(model(symbols()), torch.stack(found).mean(0))


def test_states_stand_side_by_side_and_end_in_the_answer() -> None:
    model = ensemble()
    states = list(model.states(symbols()))
    assert len(states) == 1 + 5 + 2
    assert states[0].shape == (2, 5, sum(model.widths())) == (2, 5, 6 + 6 + 9)
    torch.testing.assert_close(model.read(states[-1]), model(symbols()))
    span = symbols() > 0
    torch.testing.assert_close(model.begin(symbols()), states[0])
    torch.testing.assert_close(model.advance_steps(states[0], span, range(7)), states[-1])


def test_it_is_read_from_its_folder(tmp_path: Path) -> None:
    model = ensemble()
    model.save_pretrained(tmp_path, {"task": {"name": "addition"}})
    again = nn.NeuralGPUEnsemble.from_pretrained(tmp_path)
    assert again.answers == model.answers
    torch.testing.assert_close(again(symbols()), model(symbols()))


@pytest.mark.parametrize("answers", [[], [(1, 4, False)]])
def test_there_is_an_answer_and_it_has_a_network(answers: list[tuple[int, int | None, bool]]) -> None:
    with pytest.raises(ValueError, match="at least one answer, by one of these"):
        nn.NeuralGPUEnsemble([nn.DiagonalNeuralGPU(13, 3, 6).arguments()], answers)


@pytest.mark.parametrize("row", [[1, 2, 11, 2], [1, 11, 2, 0, 0]])
def test_sequences_are_two_operands_and_no_padding(row: list[int]) -> None:
    with pytest.raises(ValueError, match="two operands of equal width"):
        ensemble()(torch.tensor([row]))


def test_networks_take_as_many_steps_as_each_other() -> None:
    arguments = [nn.DiagonalNeuralGPU(13, 3, 6, extra_steps=slack).arguments() for slack in (0, 2)]
    with pytest.raises(ValueError, match=r"slacks of \[0, 2\]"):
        nn.NeuralGPUEnsemble(arguments, [(0, 4, False), (1, 4, False)])
