"""While an experiment exists in its old form too: both write the same table at the smoke preset, bit for bit."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from extrapolate.experiments import experiment_named, run
from extrapolate.experiments.catalog import LEGACY
from extrapolate.experiments.legacy import Legacy
from silent import Silent

#: What both forms take: times, which differ from run to run.
TIMES = ("seconds", "_ms", "mib")

CONVERTED = [name for name in LEGACY if not isinstance(experiment_named(name), Legacy)]


def table(experiment: Any, folder: Path) -> Any:
    smoke = experiment.presets["smoke"]
    outcome = run(experiment, smoke, preset="smoke", folder=folder, command="test", display=Silent())
    kept = [name for name in outcome.results.columns if not any(each in name for each in TIMES)]
    return outcome.results.select(kept)


@pytest.mark.parametrize("name", CONVERTED)
def test_both_forms_write_the_same_table(name: str, tmp_path: Path) -> None:
    old = Legacy(f"extrapolate.experiments.{LEGACY[name].origin}")
    before, now = table(old, tmp_path / "old"), table(experiment_named(name), tmp_path / "new")
    assert before.columns == now.columns
    assert before.schema == now.schema
    assert before.equals(now)


@pytest.mark.parametrize("name", CONVERTED)
@pytest.mark.parametrize("preset", ["smoke", "laptop"])
def test_presets_have_the_old_values(name: str, preset: str) -> None:
    old, new = LEGACY[name].origin, experiment_named(name).presets[preset]
    before = Legacy(f"extrapolate.experiments.{old}").presets[preset]
    renamed = {"evaluate_every": "eval_every"}
    for each in fields(before):
        assert getattr(new, renamed.get(each.name, each.name)) == getattr(before, each.name), each.name
