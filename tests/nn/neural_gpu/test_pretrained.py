"""Saving and loading networks; the networks that ship with the package; errors of invalid folders."""

import json
from pathlib import Path

import pytest
import torch

from extrapolate import nn
from extrapolate._runtime.errors import UserError
from extrapolate.nn._pretrained import Pretrained

SYMBOLS = torch.tensor([[1, 2, 3, 4, 0]])


@pytest.mark.parametrize(
    "model",
    [
        nn.DiagonalNeuralGPU(5, 3, 6, dropout=0.25, quantization_levels=2),
        nn.NeuralGPU(5, 3, 4, 2, copies=3, dropout=0.1),
    ],
)
def test_a_saved_network_is_loaded_unchanged(model: Pretrained, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path / "mine", {"task": {"name": "copy"}})
    loaded = type(model).from_pretrained(tmp_path / "mine")
    assert loaded.arguments() == model.arguments()
    assert not loaded.training
    torch.testing.assert_close(loaded(SYMBOLS), model.eval()(SYMBOLS), rtol=0, atol=0)
    assert nn.load_pretrained_config(tmp_path / "mine")["task"] == {"name": "copy"}


def test_saved_files_are_not_pickles(tmp_path: Path) -> None:
    nn.DiagonalNeuralGPU(5, 3, 6).save_pretrained(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "model.safetensors"]


def test_errors_say_what_is_wrong(tmp_path: Path) -> None:
    load = nn.DiagonalNeuralGPU.from_pretrained
    with pytest.raises(UserError, match="unknown network 'binary-adition'"):
        load("binary-adition")
    with pytest.raises(UserError, match=r"has no config\.json"):
        load(tmp_path)
    nn.DiagonalNeuralGPU(5, 3, 6).save_pretrained(tmp_path)
    with pytest.raises(UserError, match="holds a DiagonalNeuralGPU, not a NeuralGPU"):
        nn.NeuralGPU.from_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["arguments"]["channels"] = 7
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="size mismatch"):
        load(tmp_path)
    config["arguments"]["mops"] = 7
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="mops"):
        load(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(UserError, match="cannot be read"):
        load(tmp_path)
    nn.DiagonalNeuralGPU(5, 3, 6).save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(UserError, match="damaged"):
        load(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"has no model\.safetensors"):
        load(tmp_path)


@pytest.mark.parametrize("name", nn.list_pretrained())
def test_shipped_networks_are_small_and_describe_their_training(name: str) -> None:
    config = nn.load_pretrained_config(name)
    assert {"task", "made"} <= set(config)
    kind = {each.__name__: each for each in (nn.DiagonalNeuralGPU, nn.NeuralGPUEnsemble)}[config["model"]]
    model = kind.from_pretrained(name)
    assert 4 * sum(p.numel() for p in model.parameters()) < 1_000_000
