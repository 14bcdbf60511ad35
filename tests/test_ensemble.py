"""Diagonal Neural GPUs that answer together."""

from pathlib import Path

import pytest
import torch

from extrapolate import nn


def ensemble() -> nn.NeuralGPUEnsemble:
    arguments = [nn.DiagonalNeuralGPU(13, 3, maps, slack=2).arguments() for maps in (6, 9)]
    return nn.NeuralGPUEnsemble(arguments, [[3, None], [4]])


def symbols() -> torch.Tensor:
    return torch.tensor([[1, 2, 11, 2, 1], [2, 2, 11, 1, 2]])


def test_logits_are_the_mean_over_networks_and_levels() -> None:
    model = ensemble()
    found = []
    for network, levels in zip(model.networks, ([3, None], [4]), strict=True):
        assert isinstance(network, nn.DiagonalNeuralGPU)
        for each in levels:
            alone = nn.DiagonalNeuralGPU(13, 3, network.maps, slack=2, levels=each)
            alone.load_state_dict(network.state_dict())
            found.append(alone(symbols()))
    assert len(found) == 3
    torch.testing.assert_close(model(symbols()), torch.stack(found).mean(0))


def test_states_stand_side_by_side_and_end_in_the_answer() -> None:
    model = ensemble()
    states = list(model.states(symbols()))
    assert len(states) == 1 + 5 + 2
    assert states[0].shape == (2, 5, sum(model.widths())) == (2, 5, 6 + 6 + 9)
    torch.testing.assert_close(model.read(states[-1]), model(symbols()))
    span = symbols() > 0
    torch.testing.assert_close(model.begin(symbols()), states[0])
    torch.testing.assert_close(model.advanced(states[0], span, range(7)), states[-1])


def test_it_is_read_from_its_folder(tmp_path: Path) -> None:
    model = ensemble()
    model.save_pretrained(tmp_path, {"task": {"name": "addition"}})
    again = nn.NeuralGPUEnsemble.from_pretrained(tmp_path)
    assert again.levels == [[3, None], [4]]
    torch.testing.assert_close(again(symbols()), model(symbols()))


@pytest.mark.parametrize(("count", "levels"), [(0, []), (1, []), (1, [[]]), (2, [[4]])])
def test_every_network_answers_at_least_once(count: int, levels: list[list[int | None]]) -> None:
    arguments = [nn.DiagonalNeuralGPU(13, 3, 6).arguments()] * count
    with pytest.raises(ValueError, match="at least one network, and levels for each"):
        nn.NeuralGPUEnsemble(arguments, levels)


def test_networks_take_as_many_steps_as_each_other() -> None:
    arguments = [nn.DiagonalNeuralGPU(13, 3, 6, slack=slack).arguments() for slack in (0, 2)]
    with pytest.raises(ValueError, match=r"slacks of \[0, 2\]"):
        nn.NeuralGPUEnsemble(arguments, [[4], [4]])
