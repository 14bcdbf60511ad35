"""The Arithmetic Dataset Task: subsets, answers, published thresholds, and how its findings are judged."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
import torch

from extrapolate import ops
from extrapolate.errors import UserError
from extrapolate.experiments import Claim, experiment_named, run, with_options
from extrapolate.experiments.intervals import difference_of_rates, success_rate
from extrapolate.report import write_page
from extrapolate.tasks import PUBLISHED_RANGES, SubsetProduct
from extrapolate.training import Replicas
from extrapolate.training.loop import run_training
from extrapolate.training.train_config import TrainConfig
from silent import Silent

EXPERIMENT = experiment_named("arithmetic-dataset")
PAPER, LAPTOP, SMOKE = (EXPERIMENT.presets[name] for name in ("paper", "laptop", "smoke"))
RANGES = tuple(str(pair) for pair in PUBLISHED_RANGES)


# ------------------------------------------------------------------------------------------------ the task


def test_answer_is_the_product_of_both_sums() -> None:
    task = SubsetProduct(PUBLISHED_RANGES[6], in_features=8, subset_ratio=0.5)
    x = torch.tensor([[9.0, 1, 2, 3, 4, 5, 6, 9]])
    subsets = torch.zeros(8, 2)
    subsets[1:5, 0] = subsets[3:7, 1] = 1
    assert task.answer(x, subsets).tolist() == [[180.0]]


@pytest.mark.parametrize("seed", range(20))
def test_subsets_are_runs_that_overlap_by_half_wherever_they_begin(seed: int) -> None:
    task = SubsetProduct(PUBLISHED_RANGES[6])
    subsets = task.place_subsets(torch.Generator().manual_seed(seed)).subsets
    first, second = (subsets[:, i].nonzero().flatten().tolist() for i in (0, 1))
    assert first == list(range(first[0], first[0] + 25))
    assert second == list(range(first[0] + 13, first[0] + 38))


def test_subsets_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        SubsetProduct(PUBLISHED_RANGES[6], subset_ratio=0.9, overlap_ratio=0.1)
    with pytest.raises(ValueError, match="start=63: choose 0 to 62"):
        SubsetProduct(PUBLISHED_RANGES[6], start=63)


@pytest.mark.parametrize(
    ("index", "published"),
    [
        (0, 505.38),
        (1, 0.16),
        (2, 0.1113),
        (3, 9.204e-4),
        (4, 2.307e-4),
        (5, 9.2e-4),
        (6, 0.1601),
        (7, 0.1053),
    ],
)
def test_thresholds_are_the_published_ones(index: int, published: float) -> None:
    task = SubsetProduct(PUBLISHED_RANGES[index])
    assert task.threshold(count=20_000) == pytest.approx(published, rel=0.07)


# ---------------------------------------------------------------------------------------------- the claims


def table(solved: Mapping[str, Mapping[str, int]], seeds: int) -> pl.DataFrame:
    """Results in which ``solved[network][range]`` of the seeds solve."""
    return pl.DataFrame(
        [
            {
                "unit": network,
                "operation": "the product of two sums",
                "range": name,
                "seed": seed,
                "solved": seed < count,
                "solved_at": 1000 if seed < count else None,
                "sparsity_error": 1e-5,
            }
            for network, counts in solved.items()
            for name, count in counts.items()
            for seed in range(seeds)
        ],
        schema_overrides={"solved_at": pl.Int64},
    )


def judged(
    plain: Mapping[str, int], stochastic: Mapping[str, int], settings: object = PAPER, seeds: int = 20
) -> dict[str, Claim]:
    results = table({"NAU-NMU": plain, "NAU-StochasticNMU": stochastic}, seeds)
    return {claim.id: claim for claim in EXPERIMENT.claims(results, settings)}


FAILS, IMPROVES = "NAU-NMU/fails-in-several-ranges", "NAU-StochasticNMU/solves-more-than-NAU-NMU"
EVERYWHERE = dict.fromkeys(RANGES, 20)


def test_findings_hold_where_the_noise_helps() -> None:
    claims = judged(EVERYWHERE | {RANGES[0]: 2, RANGES[1]: 10}, EVERYWHERE)
    assert claims[FAILS].holds is True
    assert claims[FAILS].measured == pytest.approx(152 / 180)
    assert RANGES[0] in str(claims[FAILS].why)
    assert claims[IMPROVES].holds is True
    assert claims[IMPROVES].measured == pytest.approx(28 / 180)
    assert "9 ranges, by NAU→NMU 7" in str(claims[IMPROVES].why)


def test_findings_do_not_hold_where_it_makes_no_difference() -> None:
    claims = judged(EVERYWHERE, EVERYWHERE)
    assert claims[FAILS].holds is False
    assert claims[IMPROVES].holds is False


def test_shorter_training_is_told_and_a_much_shorter_one_not_judged() -> None:
    claim = judged(EVERYWHERE, EVERYWHERE, LAPTOP)[IMPROVES]
    assert claim.holds is False
    assert "150,000 of 5,000,000 steps" in str(claim.why)
    assert "16 inputs instead of 100" in str(claim.why)
    assert "judged at weights 0.0001 off instead of 1e-05" in str(claim.why)
    short = judged(EVERYWHERE, EVERYWHERE, replace(LAPTOP, steps=100))[IMPROVES]
    assert short.holds is None
    assert "not judged" in str(short.why)
    few = judged(EVERYWHERE, dict.fromkeys(RANGES[:3], 20))[IMPROVES]
    assert few.holds is None
    assert f"{RANGES[3]}, " in str(few.why)


def test_difference_of_rates_agrees_with_newcombes_example() -> None:
    # Newcombe 1998, table II, method 10: 56/70 less 48/80
    found = difference_of_rates(success_rate(56, 70), success_rate(48, 80))
    assert found.value == pytest.approx(0.2)
    assert (found.low, found.high) == (pytest.approx(0.0524, abs=1e-4), pytest.approx(0.3339, abs=1e-4))


# --------------------------------------------------------------------------------------- from start to page


def test_smoke_preset_goes_from_start_to_page(tmp_path: Path) -> None:
    outcome = run(EXPERIMENT, SMOKE, preset="smoke", folder=tmp_path, command="test", display=Silent())
    assert outcome.results.height == 4
    assert outcome.results["range"].unique().to_list() == ["U[1,2]"]
    assert (outcome.results["threshold"] > 0).all()
    assert "product of two sums" in write_page(tmp_path).read_text()


def test_seed_has_the_same_numbers_whichever_seeds_are_beside_it(tmp_path: Path) -> None:
    results = [
        run(
            EXPERIMENT,
            replace(SMOKE, networks=("NAU-StochasticNMU",), seeds=seeds),
            preset="smoke",
            folder=tmp_path / str(seeds),
            command="test",
            display=Silent(),
        ).results
        for seeds in (1, 3)
    ]
    alone, first = (rows.filter(pl.col("seed") == 0)["extrapolation_mse"].item() for rows in results)
    assert alone == pytest.approx(first, rel=1e-5)


def test_penalty_that_ends_before_it_begins_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--penalty-end"):
        run(
            EXPERIMENT,
            replace(SMOKE, penalty_start=40, penalty_end=20),
            preset="smoke",
            folder=tmp_path,
            command="test",
            display=Silent(),
        )


@pytest.mark.parametrize("text", ["0", "0.5", "small"])
def test_threshold_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="--epsilon"):
        with_options(SMOKE, {"epsilon": text})


# -------------------------------------------------------------------------------------- one stream for all


def test_what_is_shared_is_drawn_once_a_step_and_seen_by_every_replica() -> None:
    drawn: list[torch.Tensor] = []

    def shared(key: torch.Tensor) -> dict[str, torch.Tensor]:
        drawn.append(ops.uniform(key, (4,)))
        return {"x": drawn[-1]}

    def loss(model: torch.nn.Module, key: torch.Tensor, given: dict[str, torch.Tensor]) -> torch.Tensor:
        return (model(given["x"]) * given["sign"]).sum()

    replicas = Replicas.build(lambda: torch.nn.Linear(4, 1, bias=False), [5, 6])
    before = replicas.parameters["weight"].clone()
    plan = TrainConfig(
        loss=loss,
        optimizer=lambda parameters: torch.optim.SGD(parameters, lr=1.0),
        steps=3,
        evaluate=lambda replicas, keys: {"e": replicas.map(lambda model: model(torch.ones(4)).sum())},
        eval_every=3,
        monitor="e",
        per_replica={"sign": torch.tensor([1.0, -1.0])},
        shared_batch=shared,
        compile=False,
    )
    run_training(replicas, plan)
    assert len({tuple(each.tolist()) for each in drawn}) == 3
    moved = before - replicas.parameters["weight"]
    torch.testing.assert_close(moved[0, 0], torch.stack(drawn).sum(0))
    torch.testing.assert_close(moved[1], -moved[0])
