"""The Neural GPU experiments: the recipe, the sheets of questions, and how the published findings are judged."""

import json
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import polars as pl
import pytest
import torch

from extrapolate.errors import UserError
from extrapolate.experiments import Claim, experiment_named, run
from extrapolate.experiments.neural_gpu.length_bins import LengthBins
from extrapolate.experiments.neural_gpu.recipe import FIXED_BATCHES, Recipe, settled
from extrapolate.experiments.neural_gpu.sheets import Sheet, examine, shares
from extrapolate.experiments.options import with_options
from extrapolate.nn import DiagonalNeuralGPU
from extrapolate.tasks import Addition, Copy
from extrapolate.training.gradients import mapped, one_by_one
from extrapolate.training.loop import run_training
from extrapolate.training.watch import Interrupted, Quiet
from resuming import StopAt, assert_resumes_alike
from silent import Silent

TASKS = experiment_named("neural-gpu-tasks")
ADDITION = experiment_named("neural-gpu-addition")
MULTIPLICATION = experiment_named("neural-gpu-multiplication")
NAMES = ["neural-gpu-tasks", "neural-gpu-addition", "neural-gpu-multiplication"]


# ------------------------------------------------------------------------------------------------ learning


def test_copy_is_learned_on_eight_places_and_right_at_thirty_two() -> None:
    recipe = Recipe(
        Copy(), (0,), maps=6, dropout=0.0, batch=16, bins=LengthBins((4, 8)), bins_a_step=2, rates=settled
    )
    sheets = [Sheet(f"length-{n}", n, 128, lambda g, n=n: Copy().examples(128, n, g)) for n in (8, 32)]

    def checks(model: DiagonalNeuralGPU) -> dict[str, float]:
        found = shares(model, sheets)
        return {"error": max(found), "errors": sum(found)}

    replicas = recipe.replicas("cpu")
    plan = recipe.plan(replicas, 400, 50, checks, lambda history: bool(history.metrics["error"][-1] == 0))
    history = run_training(replicas, plan)
    assert history.metrics["error"][-1].item() == 0
    assert history.metrics["loss"][-1].item() < 0.1


def test_copy_is_done_by_a_cellular_automaton() -> None:
    """States of a few values alone: what is right at one length cannot fade at a longer one."""
    recipe = Recipe(Copy(), (0,), 6, 0.0, 16, LengthBins((4, 8)), 2, settled, levels=4)
    sheets = [Sheet(f"length-{n}", n, 64, partial(Copy().examples, 64, n)) for n in (8, 64)]

    def checks(model: DiagonalNeuralGPU) -> dict[str, float]:
        found = shares(model, sheets)
        return {"error": max(found), "errors": sum(found)}

    replicas = recipe.replicas("cpu")
    plan = recipe.plan(replicas, 800, 50, checks, lambda history: bool(history.metrics["error"][-1] == 0))
    history = run_training(replicas, plan)
    assert history.metrics["error"][-1].item() == 0
    model = recipe.network(replicas, 0)
    states = torch.stack(list(model.states(Copy().examples(4, 64, torch.Generator().manual_seed(0)).symbols)))
    assert torch.equal(4 * states, (4 * states).round())


def test_batches_follow_from_seed_and_step() -> None:
    recipe = Recipe(Addition(), (3,), 6, 0.0, 4, LengthBins(), 5, settled)
    once, again, other = recipe.batches(0, 7), recipe.batches(0, 7), recipe.batches(0, 8)
    assert all(torch.equal(one.symbols, two.symbols) for one, two in zip(once, again, strict=True))
    assert not torch.equal(once[-1].symbols, other[-1].symbols)
    assert len(once) == 5
    assert once[-1].symbols.shape == (4, 41)
    groups = [batch.symbols.shape[1] for batch in recipe.batches(1, 0)]
    assert sorted(set(groups)) == list(recipe.bins.ends)
    assert len(groups) == FIXED_BATCHES * len(recipe.bins.ends)


@pytest.mark.parametrize("optimizer", ["Adam", "Madam"])
def test_other_optimizers_lower_the_loss_too(optimizer: str) -> None:
    recipe = Recipe(Copy(), (0,), 6, 0.0, 8, LengthBins((4,)), 1, settled, optimizer)
    replicas = recipe.replicas("cpu")
    plan = recipe.plan(replicas, 60, 20, lambda model: {"error": 1.0, "errors": 1.0})
    losses = run_training(replicas, plan).metrics["loss"][:, 0]
    assert losses[-1] < losses[0]


def test_networks_trained_together_learn_as_each_after_the_other() -> None:
    """Mapped over the stack, as on a GPU, and one after the other give the same; each has a rate of its own."""
    recipe = Recipe(
        Copy(), (0, 1), maps=4, dropout=0.25, batch=4, bins=LengthBins((3, 5)), bins_a_step=2, rates=settled
    )
    trained = []
    for gradients in (mapped, one_by_one):
        replicas = recipe.replicas("cpu")
        plan = recipe.plan(replicas, 6, 2, lambda model: {"error": 1.0, "errors": 1.0})
        history = run_training(replicas, replace(plan, gradients=gradients))
        assert history.metrics["loss"].shape == (3, 2)
        trained.append(replicas.parameters)
    for name, value in trained[0].items():
        torch.testing.assert_close(value, trained[1][name], rtol=1e-4, atol=1e-5)


# ------------------------------------------------------------------------------------------------ sheets


def sheet(name: str, count: int, *, if_exact: bool = False) -> Sheet:
    return Sheet(name, 9, count, lambda g: Addition().examples(count, 9, g), if_exact)


class AddsExactly(DiagonalNeuralGPU):
    """Answers by Python's integers; every sequence whose first symbol is ``stumbles`` is wrong."""

    def __init__(self, stumbles: int | None = None) -> None:
        super().__init__(13, 3, 1)
        self.stumbles, self.asked = stumbles, 0

    def forward(self, symbols, steps=None, span=None):  # type: ignore[no-untyped-def]
        self.asked += 1
        width = symbols.shape[1] // 2
        answer = Addition().of_digits(symbols[:, :width] - 1, symbols[:, width + 1 :] - 1).answer
        if self.stumbles is not None:
            answer[symbols[:, 0] == self.stumbles, -1] = 1
        return torch.nn.functional.one_hot(answer, 3).float()


def test_sheets_are_the_same_for_everyone_and_judge_every_place(tmp_path: Path) -> None:
    sheets = [sheet("a", 2000), sheet("b", 10)]
    exact, found = examine([AddsExactly(), AddsExactly(stumbles=1)], sheets, tmp_path / "x", Quiet())
    assert exact == {"a": 0, "b": 0}
    first = torch.cat([piece.symbols for piece in sheets[0].cut()])
    assert found["a"] == int((first[:, 0] == 1).sum())
    assert sheets[0].pieces == len(sheets[0].cut()) == 3


def test_long_sheets_are_for_those_without_an_error(tmp_path: Path) -> None:
    sheets = [sheet("a", 50), sheet("long", 5, if_exact=True)]
    exact, found = examine([AddsExactly(), AddsExactly(stumbles=1)], sheets, tmp_path / "x", Quiet())
    assert exact["long"] == 0
    assert found["long"] is None


def test_an_examination_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    sheets = [sheet("a", 2000), sheet("b", 2000)]
    whole = AddsExactly(stumbles=1)
    expected = examine([whole], sheets, tmp_path / "whole", Quiet())
    path, first, second = tmp_path / "halved", AddsExactly(stumbles=1), AddsExactly(stumbles=1)
    with pytest.raises(Interrupted):
        examine([first], sheets, path, StopAt(4))
    assert examine([second], sheets, path, Quiet()) == expected
    assert (first.asked, second.asked, whole.asked) == (4, 2, 6)


class AlwaysWrong(AddsExactly):
    def forward(self, symbols, steps=None, span=None):  # type: ignore[no-untyped-def]
        return super().forward(symbols).roll(1, -1)


def test_shares_skip_what_is_longer_than_a_typical_failure() -> None:
    model = AddsExactly(stumbles=1)
    assert shares(model, [sheet("a", 64), sheet("b", 64)])[0] == pytest.approx(0.5, abs=0.2)
    wrong = AlwaysWrong()
    assert shares(wrong, [replace(sheet("a", 8), typical=True), sheet("b", 8)]) == [1.0, 1.0]
    assert wrong.asked == 1
    assert shares(wrong, [sheet("a", 8), sheet("b", 8)]) == [1.0, 1.0]
    assert wrong.asked == 3


# ------------------------------------------------------------------------------------- from start to page


@pytest.mark.parametrize("name", NAMES)
def test_smoke_preset_goes_from_start_to_claims(name: str, tmp_path: Path) -> None:
    experiment = experiment_named(name)
    smoke = experiment.presets["smoke"]
    outcome = run(experiment, smoke, preset="smoke", folder=tmp_path, command="test", display=Silent())
    assert outcome.results.height == 2
    assert json.loads((tmp_path / "manifest.json").read_text())["experiment"] == name
    json.dumps([asdict(claim) for claim in outcome.claims], allow_nan=False)
    assert all(claim.holds is None for claim in outcome.claims)
    assert experiment.outline(smoke)
    assert experiment.notes(smoke)


@pytest.mark.parametrize("name", NAMES)
def test_training_resumes(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = experiment_named(name)
    part = experiment.parts(replace(experiment.presets["smoke"], steps=5))[0]
    assert_resumes_alike(part, 3, tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("experiment", "option", "text", "message"),
    [
        (TASKS, "tasks", "copi", "did you mean copy"),
        (TASKS, "lengths", "1", "too small"),
        (TASKS, "optimizer", "Adm", "did you mean Adam"),
        (ADDITION, "operands", "hrad", "did you mean hard"),
        (ADDITION, "widths", "3", "too small"),
        (ADDITION, "dropout", "1", "below 1"),
        (ADDITION, "dropout", "half", "not a number"),
        (ADDITION, "bins", "0", "at least 1"),
    ],
)
def test_bad_options_give_one_line(experiment, option: str, text: str, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UserError, match=message):
        with_options(experiment.presets["laptop"], {option: text})


def test_seeds_may_be_trained_together() -> None:
    parts = ADDITION.parts(replace(ADDITION.presets["smoke"], seeds=5, together=2))
    assert [part.name for part in parts] == ["addition-0-to-1", "addition-2-to-3", "addition-4"]
    assert [len(part.replicas()) for part in parts] == [2, 2, 1]


def test_every_preset_names_its_sheets_once() -> None:
    for experiment in (TASKS, ADDITION, MULTIPLICATION):
        for settings in experiment.presets.values():
            part = experiment.parts(settings)[0]
            names = [each.name for each in part.sheets]  # type: ignore[attr-defined]
            assert len(set(names)) == len(names)
            longest = max(part.sheets, key=lambda sheet: sheet.length)  # type: ignore[attr-defined]
            assert longest.if_exact


# ------------------------------------------------------------------------------------------------ claims


def table(experiment, settings, wrong: list[dict[str, int | None]]) -> pl.DataFrame:  # type: ignore[no-untyped-def]
    """Results of made-up networks: ``wrong`` names the sheets with errors; None: not given out."""
    lines = []
    for seed, (part, own) in enumerate(zip(experiment.parts(settings), wrong, strict=False)):
        line = {
            "unit": "DNGPU",
            "operation": part.recipe.task.name,
            "range": "",
            "seed": seed,
            "solved": all(count == 0 for count in own.values() if count is not None),
            "solved_at": 100,
        }
        for each in part.sheets:
            line |= {f"{each.name}/wrong": own.get(each.name, 0), f"{each.name}/of": each.count}
        lines.append(line)
    return pl.DataFrame(lines, infer_schema_length=None)


def judged(experiment, settings, wrong: list[dict[str, int | None]]) -> dict[str, Claim]:  # type: ignore[no-untyped-def]
    return {claim.id: claim for claim in experiment.claims(table(experiment, settings, wrong), settings)}


def test_addition_is_judged_by_its_best_seed_and_all_are_counted() -> None:
    laptop = ADDITION.presets["laptop"]
    failing: dict[str, int | None] = {
        "random-100": 3,
        "random-2000": None,
        "full-carry-2000": None,
        "carry-overflow-32": 16,
        "carry-no-overflow-32": 3,
        "family-ripple-200": 8,
    }
    claims = judged(ADDITION, laptop, [{}, failing])
    assert claims["random/2000"].holds is True
    assert claims["random/2000"].measured == 0.5
    assert "1 of 2 networks" in str(claims["random/2000"].why)
    assert claims["random/100/wrong"].measured == pytest.approx(3 / 256 / 2)
    assert claims["random/2000/wrong"].n == 1
    assert claims["exact-seeds"].measured == 0.5
    assert claims["carry-threshold"].measured == (400 + 32) / 2
    assert claims["ripple/200"].measured == pytest.approx(8 / 32 / 2)
    none = judged(ADDITION, laptop, [failing, failing])
    assert none["random/2000"].holds is False
    assert "random/2000/wrong" not in none
    short = judged(ADDITION, replace(laptop, steps=10), [{}, {}])
    assert short["random/200"].holds is None
    assert "not judged: 10 steps" in str(short["random/200"].why)


def test_multiplication_is_judged_without_carries() -> None:
    laptop = MULTIPLICATION.presets["laptop"]
    claims = judged(MULTIPLICATION, laptop, [{}, {"random-200": 7, "random-2000": None}])
    assert claims["random/200"].holds is True
    assert claims["random/100"].published is None
    assert claims["random/200/wrong"].measured == pytest.approx(7 / 256 / 2)
    assert not [name for name in claims if "carry" in name]


def test_tasks_are_judged_one_by_one() -> None:
    laptop = replace(TASKS.presets["laptop"], tasks=("copy", "reverse"), seeds=1)
    claims = judged(TASKS, laptop, [{}, {"length-200": 4, "length-401": None}])
    assert claims["copy/exact"].holds is True
    assert claims["reverse/exact"].holds is False
    assert claims["reverse/200"].measured == pytest.approx(4 / 256)
    assert "reverse/401" not in claims
