"""Trained Neural GPUs answer with the rounding that goes furthest through the trials, the coarsest of equals."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from extrapolate.experiments.neural_gpu.length_bins import LengthBins
from extrapolate.experiments.neural_gpu.part import NeuralGPUPart
from extrapolate.experiments.neural_gpu.recipe import Recipe, settled
from extrapolate.experiments.neural_gpu.sheets import Sheet, rank
from extrapolate.tasks import Copy
from extrapolate.training import History, Replicas
from extrapolate.training.loop import run_training
from extrapolate.training.watch import Interrupted, Quiet
from resuming import StopAt


def sheet(name: str, length: int) -> Sheet:
    return Sheet(name, length, 64, partial(Copy().examples, 64, length), if_exact=True)


PART = NeuralGPUPart(
    Recipe(Copy(), (0,), 6, 0.0, 16, LengthBins((4, 8)), 2, settled, levels=4),
    steps=400,
    evaluate_every=50,
    checks=(sheet("check", 8),),
    sheets=(sheet("length-16", 16),),
    device="cpu",
    perfect=1,
    levels=(0, 1, 4),
    trials=(sheet("trial-8", 8), sheet("trial-32", 32)),
)


@pytest.fixture(scope="module")
def trained() -> tuple[Replicas, History]:
    """A network that copies with states rounded to quarters."""
    replicas = PART.replicas()
    history = run_training(replicas, PART.plan(replicas))
    replicas.load_state_dict(history.best)
    return replicas, history


def test_the_coarsest_that_makes_no_error_answers(trained: tuple[Replicas, History], tmp_path: Path) -> None:
    done = PART.go_on(trained[0], tmp_path / "x.later.safetensors", Quiet())
    assert done.chosen == (4,)  # of whole numbers nothing is left; plainly it copies too
    assert done.wrong == ({"length-16": 0},)
    assert done.rows(*trained)["levels"].to_list() == [4]


def test_where_there_is_one_no_trial_is_given(trained: tuple[Replicas, History], tmp_path: Path) -> None:
    part = replace(PART, levels=(1,))
    assert part.more_steps == 1
    done = part.go_on(trained[0], tmp_path / "x.later.safetensors", Quiet())
    assert done.chosen == (1,)
    assert done.wrong[0]["length-16"] != 0


@pytest.mark.parametrize("steps", [1, 3, 6])
def test_interrupted_trials_go_on(trained: tuple[Replicas, History], tmp_path: Path, steps: int) -> None:
    later = tmp_path / "x.later.safetensors"
    with pytest.raises(Interrupted):
        PART.go_on(trained[0], later, StopAt(steps))
    expected = PART.go_on(trained[0], tmp_path / "y.later.safetensors", Quiet())
    assert PART.go_on(trained[0], later, Quiet()) == expected
    assert all(path.name.startswith(("x.later", "y.later")) for path in tmp_path.iterdir())


def test_who_is_given_more_is_better_then_who_errs_less() -> None:
    furthest, few, many = {"a": 0, "b": 9}, {"a": 1, "b": None}, {"a": 3, "b": None}
    assert sorted([many, few, furthest], key=rank) == [furthest, few, many]
