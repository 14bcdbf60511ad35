"""The Single Module Task: targets, fixed sets, the published threshold, and runs of the experiment."""

import errno
import json
import math
import operator
import os
from functools import partial
from pathlib import Path
from unittest.mock import Mock

import polars as pl
import pytest
import torch

from extrapolate._runtime.errors import UserError
from extrapolate.tasks import OPERATIONS, PUBLISHED_RANGES, Range, RangePair, SingleModule
from silent import smoke_run

ANSWERS = {"add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv}

every_operation = pytest.mark.parametrize("operation", ANSWERS)


def task(operation: str, pair: RangePair = PUBLISHED_RANGES[4], in_features: int = 2) -> SingleModule:
    return SingleModule(OPERATIONS[operation], pair, in_features)


@every_operation
@pytest.mark.parametrize("in_features", [2, 10])
def test_targets_depend_on_the_first_two_inputs(operation: str, in_features: int) -> None:
    each = task(operation, in_features=in_features)
    for name, inputs in each.ranges.sample_fixed((50, in_features)).items():
        x, y = each.splits(50)[name]
        assert torch.equal(x, inputs.float())
        assert x.shape == (50, in_features)
        assert y.shape == (50, 1)
        exact = each.op(inputs)
        assert exact[:, 0].tolist() == [ANSWERS[operation](a, b) for a, b in inputs[:, :2].tolist()]
        torch.testing.assert_close(y, exact.float(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("pair", PUBLISHED_RANGES, ids=str)
def test_sets_are_in_their_ranges_and_the_same_at_every_call(pair: RangePair) -> None:
    for name, range_ in (("validation", pair.train), ("test", pair.test)):
        x = pair.sample_fixed((2000, 2))[name]
        inside = torch.stack([(low <= x) & (x <= high) for low, high in range_.intervals])
        assert inside.any(0).all()
        assert inside.flatten(1).any(1).all()
        assert x.dtype == torch.float64
        assert torch.equal(x, pair.sample_fixed((2000, 2))[name])


def nearly(operation: str, epsilon: float, a: float, b: float, *others: float) -> float:
    """The published output of a unit whose weights are all wrong by ε."""
    exact = ANSWERS[operation](a, b)
    if operation in ("add", "sub"):
        return exact - epsilon * sum(map(abs, (a, b, *others)))
    share = (1 - epsilon) ** 2 if operation == "mul" else (1 - epsilon) / (1 + epsilon)
    return exact * share * math.prod(1 - epsilon * abs(value) for value in others)


@every_operation
@pytest.mark.parametrize("pair", PUBLISHED_RANGES, ids=str)
@pytest.mark.parametrize("in_features", [2, 10])
@pytest.mark.parametrize("epsilon", [1e-5, 1e-4])
def test_threshold_is_the_error_of_weights_that_are_wrong_by_epsilon(
    operation: str, pair: RangePair, in_features: int, epsilon: float
) -> None:
    each = task(operation, pair, in_features)
    x = pair.test.sample((500, in_features), torch.Generator().manual_seed(0)).tolist()
    errors = [(nearly(operation, epsilon, *row) - ANSWERS[operation](*row[:2])) ** 2 for row in x]
    expected = sum(errors) / 500
    assert each.threshold(epsilon, count=500) == pytest.approx(expected, rel=1e-6)


def test_threshold_is_cached_and_leaves_the_global_generator_unchanged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state = torch.get_rng_state()
    first = task("mul", PUBLISHED_RANGES[6]).threshold()
    assert torch.equal(torch.get_rng_state(), state)
    # E[(2ε - ε²)² a² b²] with a, b ~ U[2, 6]: E a² = (6³ - 2³) / 12
    share, square = 2e-5 - 1e-10, (6**3 - 2**3) / 12
    assert first == pytest.approx(share**2 * square**2, rel=0.01)
    monkeypatch.setattr(Range, "sample", None)
    assert task("mul", PUBLISHED_RANGES[6]).threshold() == first


def test_one_input_raises_an_error() -> None:
    with pytest.raises(ValueError, match="in_features must be at least 2"):
        task("add", in_features=1)


small_run = partial(smoke_run, "single-module", units=("NMU",), seeds=2, steps=10, samples=20)


@pytest.mark.parametrize("in_features", [2, 10])
def test_run_writes_one_row_per_model(in_features: int, tmp_path: Path) -> None:
    outcome = small_run(tmp_path, in_features=in_features)
    assert outcome.results["split"].to_list() == ["U[0.1,0.2]"] * 2 + ["U[1,2]"] * 2
    assert outcome.results["seed"].to_list() == [0, 1, 0, 1]
    assert outcome.results["threshold"].n_unique() == 2
    assert (tmp_path / "surfaces.parquet").exists() is (in_features == 2)


def test_run_folder_may_have_files_of_a_killed_process_but_no_foreign_files(tmp_path: Path) -> None:
    (tmp_path / ".manifest.json.4711.tmp").write_text('{"experiment": "sing')
    (tmp_path / "thesis.tex").write_text("years")
    with pytest.raises(UserError, match=r"thesis\.tex"):
        small_run(tmp_path)
    assert not (tmp_path / "manifest.json").exists()
    (tmp_path / "thesis.tex").unlink()
    assert small_run(tmp_path).results.height == 4


def test_manifest_adds_the_time_of_all_runs_and_a_missing_entry_raises_an_error(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    small_run(tmp_path)
    manifest = json.loads(path.read_text())
    assert min(manifest["seconds"], manifest["cpu_seconds"]) >= 0
    path.write_text(json.dumps(manifest | {"seconds": 100.0, "cpu_seconds": 200.0}))
    small_run(tmp_path)
    again = json.loads(path.read_text())
    assert 100 <= again["seconds"] < 110
    assert 200 <= again["cpu_seconds"] < 210
    for name in ("started", "finished", "seconds", "preset", "settings", "experiment"):
        path.write_text(json.dumps({key: value for key, value in manifest.items() if key != name}))
        with pytest.raises(UserError, match=rf"manifest\.json.* {name}"):
            small_run(tmp_path)


@pytest.mark.parametrize("written", range(0, 12, 3))
def test_full_disk_loses_only_the_unfinished_part(
    written: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full after ``written`` files: these can be read, and the run can be resumed."""
    full_disk = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with monkeypatch.context() as full:
        full.setattr("os.fsync", Mock(side_effect=[None] * written + [full_disk] * 100))
        with pytest.raises(UserError, match=f"no space left on {tmp_path}.*same command again"):
            small_run(tmp_path)
    for table in tmp_path.rglob("*.parquet"):
        assert pl.read_parquet(table).height
    outcome = small_run(tmp_path)
    assert outcome.results.equals(small_run(tmp_path / "undisturbed").results)
