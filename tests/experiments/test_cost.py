"""``run --plan``: the estimated cost of a run, from a few briefly timed trainings."""

import json
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from extrapolate.cli.app import app
from extrapolate.experiments import cost, get_experiment
from extrapolate.experiments.cost import Cost, estimate_cost
from extrapolate.training import loop

SINGLE_MODULE = get_experiment("single-module")
SMOKE = SINGLE_MODULE.presets["smoke"]


def test_processor_time_grows_with_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "SAMPLE_SECONDS", 0.3)
    monkeypatch.setattr(loop, "PROGRESS_SECONDS", 0.02)
    long, longer = (
        estimate_cost(SINGLE_MODULE, replace(SMOKE, units=("NMU",), steps=steps)) for steps in (10**5, 10**6)
    )
    assert (len(long.hours), long.models, long.timed) == (1, 6, 1)
    assert 4 < longer.hours[0] / long.hours[0] < 25
    assert long.peak_mib > 100
    assert long.weights_mib == pytest.approx(6 * 2 * 4 / 2**20), "six models of two float32 weights"


def test_a_free_worker_takes_the_next_training() -> None:
    plan = Cost([3.0, 1.0, 1.0, 2.0], 4, 4, 0.0, 0.0)
    assert [plan.wall_hours(workers) for workers in (1, 2, 3, 9)] == [7.0, 4.0, 3.0, 3.0]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["single-module", "modularity-add-mul", "gilr-speed", "neural-gpu-addition"])
def test_the_command_prints_the_cost(name: str) -> None:
    found = CliRunner().invoke(app, ["run", name, "--preset", "smoke", "--plan", "--json", "--workers", "2"])
    assert found.exit_code == 0, found.output
    figures = json.loads(found.stdout)
    assert figures["trainings"] >= figures["timed"] >= 1
    assert figures["cpu_hours"] >= figures["wall_hours"] > 0
