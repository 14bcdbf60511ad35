"""The Neural GPU experiments: the recipe, test sets, the choice of a rounding, and the verdicts on findings."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch

from extrapolate._runtime.progress import Interrupted, NullProgress, Progress
from extrapolate.experiments import get_experiment
from extrapolate.experiments.algorithms import _testing as testing
from extrapolate.experiments.algorithms._adaptive import reduce_on_plateau
from extrapolate.experiments.algorithms._recipe import FIXED, TRAINING, LengthBins, NeuralGPUConfig, Recipe
from extrapolate.experiments.algorithms.neural_gpu_addition import AdditionTests
from extrapolate.experiments.algorithms.neural_gpu_multiplication import MultiplicationTests
from extrapolate.experiments.lab import Context, Trained
from extrapolate.nn import DiagonalNeuralGPU
from extrapolate.tasks import Addition, Copy
from extrapolate.training import History, Replicas
from extrapolate.training.gradients import loop_gradients, vmap_gradients
from extrapolate.training.loop import run_training
from extrapolate.training.train_config import TrainConfig
from made_up import judged
from recording_progress import RecordingProgress

TASKS = get_experiment("neural-gpu-tasks")
ADDITION = get_experiment("neural-gpu-addition")
MULTIPLICATION = get_experiment("neural-gpu-multiplication")


def copy_recipe(steps: int, **others: Any) -> Recipe:
    config = NeuralGPUConfig(steps=steps, eval_every=others.pop("eval_every", 50), channels=6, batch=16)
    values = {"task": Copy(), "seeds": (0,), "dropout": 0.0, "bins": LengthBins((4, 8)), "bins_per_step": 2}
    return Recipe(config=config, learning_rate=reduce_on_plateau, **(values | others))


def copies(name: str, length: int, count: int = 64, *, if_exact: bool = False) -> testing.TestSet:
    return testing.TestSet(name, length, count, partial(Copy().examples, count, length), if_exact)


def config_of(recipe: Recipe, *checks: testing.TestSet) -> TrainConfig:
    return recipe.train_config(testing.evaluate_on(recipe, checks))


def test_batches_follow_from_seed_and_step() -> None:
    recipe = copy_recipe(1, task=Addition(), seeds=(3,), bins=LengthBins(), bins_per_step=5)

    def symbols(stream: int, step: int) -> list[torch.Tensor]:
        return [symbols for symbols, _, _ in recipe.inputs(stream, step)["batches"]]

    once, again, other = symbols(TRAINING, 7), symbols(TRAINING, 7), symbols(TRAINING, 8)
    assert all(map(torch.equal, once, again))
    assert not torch.equal(once[-1], other[-1])
    assert len(once) == 5
    assert once[-1].shape == (16, 41)
    assert sorted(each.shape[1] for each in symbols(FIXED, 0)) == sorted(list(recipe.bins.ends) * 4)


@pytest.mark.parametrize("optimizer", ["Adam", "Madam"])
def test_other_optimizers_lower_the_loss_too(optimizer: str) -> None:
    recipe = copy_recipe(60, eval_every=20, bins=LengthBins((4,)), bins_per_step=1, optimizer=optimizer)
    replicas = Replicas.build(recipe.build, recipe.seeds)
    losses = run_training(replicas, config_of(recipe, copies("check", 4))).metrics["loss"][:, 0]
    assert losses[-1] < losses[0]


def test_networks_trained_together_learn_as_in_a_loop() -> None:
    """The gradients by vmap, as on a GPU, equal those by a loop; each network has its own learning rate."""
    recipe = copy_recipe(6, eval_every=2, seeds=(0, 1), dropout=0.25)
    trained = []
    for gradients in (vmap_gradients, loop_gradients):
        replicas = Replicas.build(recipe.build, recipe.seeds)
        config = replace(config_of(recipe, copies("check", 4)), gradients=gradients)
        assert run_training(replicas, config).metrics["loss"].shape == (3, 2)
        trained.append(replicas.parameters)
    for name, value in trained[0].items():
        torch.testing.assert_close(value, trained[1][name], rtol=1e-4, atol=1e-5)


def test_seeds_may_be_trained_together() -> None:
    jobs = ADDITION.jobs(replace(ADDITION.presets["smoke"], seeds=5, together=2))
    models = {name: job.models for name, job in jobs.items()}
    assert models == {"addition-0-to-1": 2, "addition-2-to-3": 2, "addition-4": 1}


RECIPE = copy_recipe(800, quantization_levels=(4,), stop_when=lambda history: bool(history.metrics["error"][-1] == 0))
CHECKS = [copies("check-8", 8), copies("check-64", 64)]
TRIALS = [copies("trial-8", 8, if_exact=True), copies("trial-32", 32, if_exact=True)]


@pytest.fixture(scope="module")
def trained() -> tuple[Replicas, History]:
    """A network that copies with states rounded to quarters."""
    replicas = Replicas.build(RECIPE.build, RECIPE.seeds)
    history = run_training(replicas, config_of(RECIPE, *CHECKS))
    replicas.load_state_dict(history.best)
    return replicas, history


def test_rounded_states_have_few_values_and_copy_at_any_length(trained: tuple[Replicas, History]) -> None:
    assert trained[1].metrics["error"][-1] == 0
    model = RECIPE.network(trained[0], 0, 4)
    symbols = Copy().examples(4, 64, torch.Generator().manual_seed(0)).symbols
    states = torch.stack(list(model.states(symbols)))
    assert torch.equal(4 * states, (4 * states).round())


def measured(trained: tuple[Replicas, History], levels: tuple[int, ...], path: Path, watch: Progress) -> Any:
    recipe = replace(RECIPE, quantization_levels=levels)
    training = testing.train_and_test(recipe, CHECKS, [copies("length-16", 16)], TRIALS)
    assert len(levels) > 1 or training.measure_steps == 1, "a single rounding needs no trial"
    return training.measure(Trained(*trained, Context(path, watch)))


def test_the_coarsest_rounding_without_an_error_is_tested_and_a_single_one_is_used(
    trained: tuple[Replicas, History], tmp_path: Path
) -> None:
    """Rounded to whole numbers the network fails; without rounding it copies too."""
    with pytest.raises(Interrupted):  # resumed below
        measured(trained, (0, 1, 4), tmp_path / "x", RecordingProgress(3))
    columns = measured(trained, (0, 1, 4), tmp_path / "x", NullProgress())
    assert columns["quantization_levels"] == [4]
    assert columns["length-16/wrong"].to_list() == [0]
    assert columns["solved"] == [True]
    columns = measured(trained, (1,), tmp_path / "single", NullProgress())
    assert columns["quantization_levels"] == [1]
    assert columns["length-16/wrong"][0] > 0
    assert columns["solved_at"].to_list() == [None]


def sums(name: str, count: int, *, if_exact: bool = False, typical: bool = False) -> testing.TestSet:
    return testing.TestSet(name, 9, count, partial(Addition().examples, count, 9), if_exact, typical)


class Adds(DiagonalNeuralGPU):
    """Adds without errors, except if the first symbol is ``stumbles``; or always with errors."""

    def __init__(self, stumbles: int | None = None, *, always_wrong: bool = False) -> None:
        super().__init__(13, 3, 1)
        self.stumbles, self.always_wrong, self.calls = stumbles, always_wrong, 0

    def forward(self, symbols, steps=None, span=None):  # type: ignore[no-untyped-def]
        self.calls += 1
        width = symbols.shape[1] // 2
        answer = Addition().of_digits(symbols[:, :width] - 1, symbols[:, width + 1 :] - 1).answer
        if self.stumbles is not None:
            answer[symbols[:, 0] == self.stumbles, -1] = 1
        return torch.nn.functional.one_hot(answer, 3).float().roll(int(self.always_wrong), -1)


def test_test_sets_are_the_same_for_all_and_every_position_counts(tmp_path: Path) -> None:
    test_sets = [sums("a", 2000), sums("long", 10, if_exact=True)]
    exact, found = testing.run_tests([Adds(), Adds(stumbles=1)], test_sets, tmp_path / "x", NullProgress())
    assert exact == {"a": 0, "long": 0}
    batches = test_sets[0].batches()
    stumbles = sum(int((batch.symbols[:, 0] == 1).sum()) for batch in batches)
    assert found == {"a": stumbles, "long": None}
    assert test_sets[0].num_batches == len(batches) == 3
    assert sum(testing.count_errors(Adds(stumbles=1), batch) for batch in batches) == found["a"]


def test_interrupted_tests_resume_without_a_repetition(tmp_path: Path) -> None:
    test_sets = [sums("a", 2000), sums("b", 2000)]
    whole, first, second = (Adds(stumbles=1) for _ in range(3))
    expected = testing.run_tests([whole], test_sets, tmp_path / "whole", NullProgress())
    with pytest.raises(Interrupted):
        testing.run_tests([first], test_sets, tmp_path / "x", RecordingProgress(4))
    assert testing.run_tests([second], test_sets, tmp_path / "x", NullProgress()) == expected
    assert (first.calls, second.calls, whole.calls) == (4, 2, 6)


@pytest.mark.parametrize(("typical", "calls"), [(True, 1), (False, 2)])
def test_longer_sets_are_skipped_after_a_failure_on_a_typical_set(typical: bool, calls: int) -> None:
    model = Adds(always_wrong=True)
    assert testing.error_rates(model, [sums("a", 8, typical=typical), sums("b", 8)]) == [1.0, 1.0]
    assert model.calls == calls


def test_rank_is_by_more_test_sets_then_fewer_errors() -> None:
    furthest, few, many = {"a": 0, "b": 9}, {"a": 1, "b": None}, {"a": 3, "b": None}
    assert sorted([many, few, furthest], key=testing.rank) == [furthest, few, many]


@pytest.mark.parametrize("preset", ["smoke", "laptop", "paper"])
def test_names_of_test_sets_are_unique_in_every_preset(preset: str) -> None:
    for experiment, kind in ((ADDITION, AdditionTests), (MULTIPLICATION, MultiplicationTests)):
        tests = kind(experiment.presets[preset]).tests()
        assert len({each.name for each in tests}) == len(tests)
        assert max(tests, key=lambda each: each.length).if_exact


def results(operation: str, tests: dict[str, int], errors: list[dict[str, int | None]]) -> pl.DataFrame:
    """Results of made-up networks: ``errors`` by test set, 0 where it is absent."""
    solved = [not any(own.values()) for own in errors]
    labels = {"model": pl.lit("DNGPU"), "task": pl.lit(operation), "split": pl.lit("")}
    table = pl.DataFrame({"seed": range(len(errors)), "solved": solved}).with_columns(**labels, solved_at=100)
    for name, count in tests.items():
        wrong = pl.Series([own.get(name, 0) for own in errors], dtype=pl.Int64)
        table = table.with_columns(wrong.alias(f"{name}/wrong"), pl.lit(count).alias(f"{name}/of"))
    return table


def judged_sums(config: Any, errors: list[dict[str, int | None]]) -> dict[str, Any]:
    """The claims about networks that add, with these errors."""
    counts = {each.name: each.count for each in AdditionTests(config).tests()}
    return judged(ADDITION, results("addition", counts, errors), config)


FAILING: dict[str, int | None] = {"random-100": 3, "random-2000": None, "full-carry-2000": None}
FAILING |= {"carry-overflow-32": 16, "carry-no-overflow-32": 3, "family-ripple-200": 8}


def test_addition_is_judged_by_its_best_seed() -> None:
    laptop = ADDITION.presets["laptop"]
    claims = judged_sums(laptop, [{}, FAILING])
    assert claims["random/2000"].holds is True
    assert claims["random/2000"].measured == 0.5
    assert "1 of 2 networks" in str(claims["random/2000"].why)
    assert claims["full-carry/2000"].holds is True
    assert claims["carry-threshold"].measured == (400 + 32) / 2
    none = judged_sums(laptop, [FAILING, FAILING])
    assert none["random/2000"].holds is False
    assert none["random/25"].holds is True
    assert judged_sums(replace(laptop, steps=10), [{}])["random/200"].holds is None


def test_tasks_are_judged_one_by_one() -> None:
    counts = {f"length-{length}": 256 for length in TASKS.presets["laptop"].lengths}
    errors: dict[str, dict[str, int | None]] = {"copy": {}, "reverse": {"length-200": 4, "length-401": None}}
    claims = judged(TASKS, pl.concat(results(each, counts, [own]) for each, own in errors.items()))
    assert {id: claim.holds for id, claim in claims.items()} == {"copy/exact": True, "reverse/exact": False}
