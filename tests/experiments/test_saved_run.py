"""``load_run``: the tables of a run's folder, and its trained modules selected by labels."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from safetensors.torch import load_file, save_file

from data_files import refused
from extrapolate import load_run, nn
from extrapolate._runtime.errors import UserError
from extrapolate.experiments import Claim, get_experiment
from extrapolate.experiments.options import with_options
from extrapolate.tasks import OPERATIONS, parse_range_pairs
from silent import smoke_run


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two units on two ranges with two seeds."""
    folder = tmp_path_factory.mktemp("single-module")
    return smoke_run("single-module", folder, seeds=2, steps=60, eval_every=20, samples=50).folder


@pytest.fixture
def folder(kept: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return shutil.copytree(kept, tmp_path / "run")


def test_tables_are_those_of_the_run(kept: Path) -> None:
    found = load_run(kept)
    assert found.manifest == json.loads((kept / "manifest.json").read_text())
    assert found.results.equals(pl.read_parquet(kept / "results.parquet"))
    experiment = get_experiment("single-module")
    settings = with_options(experiment.presets["smoke"], found.manifest["settings"])
    assert found.claims == experiment.claims(found.results, settings)
    assert repr(found) == f"Run(path={kept!r})"


def test_the_module_of_each_row_has_the_error_of_that_row(kept: Path) -> None:
    found = load_run(str(kept))
    assert found.results.height == 8
    for row in found.results.iter_rows(named=True):
        module = found.model(**{name: row[name] for name in ("model", "task", "split", "seed")})
        assert type(module) is getattr(nn, row["model"])
        assert not module.training
        (pair,) = parse_range_pairs(f"{row['split']}/{row['extrapolation_range']}")
        x = pair.sample_fixed((50, 2))["test"]
        error = (module.double()(x) - OPERATIONS[row["task"]](x)).square().mean().item()
        assert error == pytest.approx(row["extrapolation_mse"], rel=1e-9)


def test_each_row_of_several_functions_selects_its_own_replica(tmp_path: Path) -> None:
    found = load_run(smoke_run("functions-static", tmp_path, steps=20).folder)
    stacked = load_file(tmp_path / "parts" / "Linear.weights.safetensors")
    rows = found.results.filter(model="Linear")
    assert rows["function"].n_unique() > 1
    for index, (function, seed) in enumerate(rows.select("function", "seed").iter_rows()):
        state = found.model(model="Linear", function=function, seed=seed).state_dict()
        assert all(torch.equal(value, stacked[name][index]) for name, value in state.items())


def test_a_network_of_an_experiment_with_masks_is_built_without_masks_and_with_a_warning(tmp_path: Path) -> None:
    found = load_run(smoke_run("modularity-add-mul", tmp_path, mask_steps=5).folder)
    labels = found.results.filter(model="unmasked").select("model", "task", "split", "seed")
    with pytest.warns(UserWarning, match=r"changed this network after its training \(masks, rounding\)"):
        state = found.model(**labels.row(0, named=True)).state_dict()
    (weights,) = (tmp_path / "parts").glob("*.weights.safetensors")
    seed = labels["seed"][0]
    assert all(torch.equal(state[name], each[seed]) for name, each in load_file(weights).items())


ROW = {"model": "NMU", "split": "U[1,2]", "seed": 1}


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({}, "8 rows match no labels: also give model, one of 'NMU', 'StochasticNMU'; split, one of "),
        (
            {"model": "NMU", "seed": 1},
            "2 rows match model='NMU' and seed=1: also give split, one of 'U[0.1,0.2]', 'U[1,2]'",
        ),
        ({"model": "NMUU"}, "no row has model='NMUU': model is one of 'NMU', 'StochasticNMU'"),
        ({"split": "U[1,2]", "seed": "1"}, "no row has split='U[1,2]' and seed='1': seed is one of 0, 1"),
        ({"sed": 1}, "unknown label 'sed': did you mean seed?"),
    ],
)
def test_labels_that_fit_no_row_or_several(kept: Path, labels: dict[str, Any], message: str) -> None:
    refused(lambda: load_run(kept).model(**labels), re.escape(message))


def test_results_are_read_without_the_weights_but_models_are_refused(folder: Path) -> None:
    shutil.rmtree(folder / "parts")
    found = load_run(folder)
    assert found.results.height == 8
    assert all(isinstance(claim, Claim) for claim in found.claims)
    refused(lambda: found.model(**ROW), r"holds no trained models .* made by `test`")


def test_results_of_the_repository_are_read() -> None:
    kept = sorted((Path(__file__).parents[2] / "docs" / "results").glob("*/manifest.json"))
    assert kept
    for manifest in kept:
        found = load_run(manifest.parent)
        assert found.claims
        assert manifest.parent.name == f"{found.manifest['experiment']}-{found.manifest['preset']}"


def test_parts_of_an_unfinished_run_are_enough_for_their_models(folder: Path) -> None:
    for left in (folder / "parts").glob("Stochastic*"):
        left.unlink()
    assert isinstance(load_run(folder).model(**ROW), nn.NMU)
    refused(lambda: load_run(folder).model(model="StochasticNMU"), "no row has model='StochasticNMU'")


USES: dict[str, Any] = {
    "manifest.json": load_run,
    "results.parquet": lambda folder: load_run(folder).results,
    "claims.json": lambda folder: load_run(folder).claims,
    "parts/NMU-mul.weights.safetensors": lambda folder: load_run(folder).model(**ROW),
    "parts/NMU-mul.parquet": lambda folder: load_run(folder).model(**ROW),
}


@pytest.mark.parametrize("harm", ["damaged", "missing"])
@pytest.mark.parametrize("file", USES)
def test_a_damaged_or_missing_file_is_named_in_one_line(file: str, harm: str, folder: Path) -> None:
    path = folder / file
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    if harm == "missing":
        path.unlink()
    before = sorted(folder.rglob("*"))
    with pytest.raises(UserError, match=r"\A[^\n]+\Z") as caught:
        USES[file](folder)
    assert sorted(folder.rglob("*")) == before, "nothing is moved"
    if harm == "damaged":
        assert str(path) in str(caught.value)
    elif file != "parts/NMU-mul.parquet":  # without it the part counts as unfinished
        assert f"{path}: no such file" in str(caught.value)


def test_a_path_that_is_not_the_folder_of_a_run_is_refused(tmp_path: Path) -> None:
    message = "no such folder: give the folder that `extrapolate run --out` wrote"
    refused(lambda: load_run(tmp_path / "nowhere"), message)
    refused(lambda: load_run(tmp_path), "no such file; choose the folder of a run")


def test_weights_and_settings_of_another_version_are_refused(folder: Path) -> None:
    save_file({"other": torch.zeros(4, 1)}, folder / "parts" / "NMU-mul.weights.safetensors")
    found = load_run(folder)
    message = "does not fit the model of this version of extrapolate: load it with"
    refused(lambda: found.model(**ROW), message)
    found.manifest["settings"]["colour"] = "red"
    message = r"settings that this version of extrapolate does not know .*colour"
    refused(lambda: found.model(**ROW), message)
