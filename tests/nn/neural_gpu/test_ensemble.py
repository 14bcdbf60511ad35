"""The ensemble of diagonal Neural GPUs."""

from pathlib import Path

import pytest
import torch

from extrapolate import nn

ANSWERS = [(0, 3, False), (0, None, True), (1, 4, False)]


def ensemble() -> nn.NeuralGPUEnsemble:
    arguments = [nn.DiagonalNeuralGPU(13, 3, channels, extra_steps=2).arguments() for channels in (6, 9)]
    return nn.NeuralGPUEnsemble(arguments, ANSWERS)


def symbols() -> torch.Tensor:
    return torch.tensor([[1, 2, 11, 2, 1], [2, 2, 11, 1, 2]])


def swapped() -> torch.Tensor:
    return torch.tensor([[2, 1, 11, 1, 2], [1, 2, 11, 2, 2]])


def test_logits_are_the_mean_over_networks_levels_and_orders() -> None:
    model = ensemble()
    logits = []
    for index, levels, is_swapped in ANSWERS:
        network = model.networks[index]
        assert isinstance(network, nn.DiagonalNeuralGPU)
        alone = nn.DiagonalNeuralGPU(13, 3, network.channels, extra_steps=2, quantization_levels=levels)
        alone.load_state_dict(network.state_dict())
        logits.append(alone(swapped() if is_swapped else symbols()))
    torch.testing.assert_close(model(symbols()), torch.stack(logits).mean(0))


def test_states_of_members_are_concatenated_and_the_last_gives_the_logits() -> None:
    model = ensemble()
    states = list(model.states(symbols()))
    assert len(states) == 1 + 5 + 2
    assert states[0].shape == (2, 5, sum(model.widths())) == (2, 5, 6 + 6 + 9)
    torch.testing.assert_close(model.read(states[-1]), model(symbols()))
    span = symbols() > 0
    torch.testing.assert_close(model.begin(symbols()), states[0])
    torch.testing.assert_close(model.advance_steps(states[0], span, range(7)), states[-1])


def test_save_and_load(tmp_path: Path) -> None:
    model = ensemble()
    model.save_pretrained(tmp_path, {"task": {"name": "addition"}})
    loaded = nn.NeuralGPUEnsemble.from_pretrained(tmp_path)
    assert loaded.answers == model.answers
    torch.testing.assert_close(loaded(symbols()), model(symbols()))


@pytest.mark.parametrize("answers", [[], [(1, 4, False)]])
def test_answers_need_an_existing_network(answers: list[tuple[int, int | None, bool]]) -> None:
    with pytest.raises(ValueError, match="answers must use networks 0 to 0, at least one"):
        nn.NeuralGPUEnsemble([nn.DiagonalNeuralGPU(13, 3, 6).arguments()], answers)


@pytest.mark.parametrize("row", [[1, 2, 11, 2], [1, 11, 2, 0, 0]])
def test_sequences_are_two_operands_without_padding(row: list[int]) -> None:
    with pytest.raises(ValueError, match="two operands of equal width"):
        ensemble()(torch.tensor([row]))


def test_networks_need_equal_extra_steps() -> None:
    arguments = [nn.DiagonalNeuralGPU(13, 3, 6, extra_steps=extra).arguments() for extra in (0, 2)]
    with pytest.raises(ValueError, match=r"equal extra_steps, got \[0, 2\]"):
        nn.NeuralGPUEnsemble(arguments, [(0, 4, False), (1, 4, False)])
