"""How published findings are judged, on made-up results whose verdict is obvious."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import polars as pl
import pytest

from extrapolate.experiments import get_experiment
from extrapolate.experiments.arithmetic._units import UNITS
from extrapolate.stats import success_rate
from extrapolate.tasks import OPERATIONS, PUBLISHED_RANGES
from made_up import judged as judged_of

EXPERIMENT = get_experiment("single-module")
PAPER = EXPERIMENT.presets["paper"]
TESTED_ON = {str(pair): str(pair.test) for pair in PUBLISHED_RANGES}
RANGES = tuple(TESTED_ON)
SEEDS = 25
HARD = ("U[-2,-1]", "U[-1.2,-1.1]")
NEGATIVE = ("U[-20,-10]", "U[-2,-1]", "U[-1.2,-1.1]", "U[-0.2,-0.1]", "U[-2,2]")
POSITIVE = tuple(name for name in RANGES if name not in NEGATIVE)

ALL_SOLVED = dict.fromkeys(RANGES, SEEDS)
NONE_SOLVED = dict.fromkeys(RANGES, 0)


def table(model: str, task: str, solved: Mapping[str, int], seeds: int = SEEDS) -> pl.DataFrame:
    """Return results in which ``solved[range]`` of the seeds solve the task."""
    columns = ["model", "task", "split", "extrapolation_range", "seed", "solved"]
    rows = [
        (model, task, name, TESTED_ON.get(name, "U[4,9]"), seed, seed < count)
        for name, count in solved.items()
        for seed in range(seeds)
    ]
    return pl.DataFrame(rows, columns, orient="row")


judged = partial(judged_of, EXPERIMENT, config=PAPER)


EVERYWHERE = [("StochasticNMU", "mul"), ("BatchStochasticNMU", "mul"), ("NAU", "add"), ("NAU", "sub")]


@pytest.mark.parametrize(("model", "task"), EVERYWHERE)
def test_success_everywhere_holds_only_if_every_model_solves(model: str, task: str) -> None:
    id = f"{model}/{task}/solves-every-range"
    claims = judged(table(model, task, ALL_SOLVED))
    assert set(claims) == {id}, "only units that were run are judged"
    expected = success_rate(225, 225)
    assert claims[id].interval == (expected.low, expected.high)
    assert (claims[id].holds, claims[id].why, claims[id].measured, claims[id].n) == (True, None, 1.0, 225)

    claim = judged(table(model, task, ALL_SOLVED | {"U[1,2]": 24}))[id]
    assert claim.holds is False
    assert claim.measured == pytest.approx(224 / 225)
    assert "U[1,2] 96%" in str(claim.why)


SOME, ALL_POSITIVE = (NONE_SOLVED | dict.fromkeys(POSITIVE, count) for count in (10, SEEDS))
#: By id: results on which the finding holds, and results on which it does not.
VERDICTS = {
    **{
        f"{model}/mul/only-some-positive-ranges": (
            [SOME, NONE_SOLVED | {POSITIVE[0]: SEEDS}],
            [ALL_POSITIVE, NONE_SOLVED, SOME | {"U[-2,2]": 1}],
        )
        for model in ("NACMul", "NALU")
    },
    **{f"MLP/{task}/never-extrapolates": ([NONE_SOLVED], [NONE_SOLVED | {"U[1,2]": 1}]) for task in OPERATIONS},
    **{
        f"NMU/mul/fails-in-{name}": ([ALL_SOLVED | {name: solved} for solved in (0, 21, 24)], [ALL_SOLVED])
        for name in HARD
    },
    "NMU/mul/solves-seven-ranges": ([ALL_SOLVED | dict.fromkeys(HARD, 3)], [ALL_SOLVED | {"U[10,20]": 24}]),
    "NRU/div/not-in-every-range": ([ALL_SOLVED | {"U[-2,2]": 24}], [ALL_SOLVED]),
    "RealNPU/div/fails-on-negative-ranges": ([ALL_SOLVED | dict.fromkeys(NEGATIVE, 0)], [ALL_SOLVED]),
}


@pytest.mark.parametrize("id", VERDICTS)
def test_the_verdict_depends_on_the_number_of_solved_models_by_range(id: str) -> None:
    model, task, _ = id.split("/")
    for holds, tables in zip((True, False), VERDICTS[id], strict=True):
        assert [judged(table(model, task, each))[id].holds for each in tables] == [holds] * len(tables)


def test_a_finding_counts_only_the_models_of_its_own_ranges() -> None:
    claims = judged(table("NMU", "mul", ALL_SOLVED | dict.fromkeys(HARD, 21)))
    assert {id: (claim.measured, claim.n, claim.why) for id, claim in claims.items()} == {
        **{f"NMU/mul/fails-in-{name}": (21 / SEEDS, SEEDS, None) for name in HARD},
        "NMU/mul/solves-seven-ranges": (1.0, 7 * SEEDS, None),
    }


def test_all_operations_that_a_unit_cannot_represent_are_one_claim() -> None:
    results = pl.concat([table(model, task, NONE_SOLVED) for model in UNITS for task in OPERATIONS])
    claims = judged(results)
    for model, setup in UNITS.items():
        id, unable = f"{model}/cannot-represent", OPERATIONS.keys() - setup.operations
        assert (id in claims) is (model != "MLP" and bool(unable))
        if id in claims:
            assert (claims[id].holds, claims[id].measured, claims[id].n) == (True, 0, 225 * len(unable))
    assert "cannot represent × ÷ (its exact weights give + −)" in claims["NAU/cannot-represent"].claim
    solved = judged(table("NAU", "mul", NONE_SOLVED | {"U[1,2]": 1}))
    assert solved["NAU/cannot-represent"].holds is False


def test_units_represent_the_operations_of_their_definitions() -> None:
    able = {model: set(setup.operations) for model, setup in UNITS.items()}
    assert able["NAC"] == able["NAU"] == {"add", "sub"}
    assert able["NMU"] == able["StochasticNMU"] == able["BatchStochasticNMU"] == {"mul"}
    assert able["NACMul"] == {"mul", "div"}
    assert able["NALU"] == {"add", "sub", "mul", "div"}


def test_a_finding_is_judged_only_if_its_ranges_were_tested_as_published() -> None:
    results = table("StochasticNMU", "mul", ALL_SOLVED)
    elsewhere = pl.when(split="U[10,20]").then(pl.lit("U[20,21]")).otherwise("extrapolation_range")
    for changed in (
        results.filter(pl.col("split") != "U[10,20]"),
        results.with_columns(extrapolation_range=elsewhere),
    ):
        claim = judged(changed)["StochasticNMU/mul/solves-every-range"]
        assert (claim.holds, claim.n) == (None, 8 * SEEDS)
        assert "U[10,20]" in str(claim.why)


def test_findings_are_judged_on_the_published_ranges_that_were_run_and_on_no_others() -> None:
    ((id, claim),) = judged(table("NMU", "mul", {"U[-2,-1]": 21})).items()
    assert (id, claim.holds) == ("NMU/mul/fails-in-U[-2,-1]", True)
    ((_, claim),) = judged(table("StochasticNMU", "mul", ALL_SOLVED | {"U[3,4]": 0})).items()
    assert (claim.holds, claim.n) == (True, 225)


@pytest.mark.parametrize("changed", [{"steps": 300}, {"in_features": 10}, {"batch": 16}])
def test_a_run_with_another_protocol_than_published_is_not_judged(changed: dict[str, int]) -> None:
    claims = judged(table("MLP", "add", NONE_SOLVED), config=replace(PAPER, **changed))
    claim = claims["MLP/add/never-extrapolates"]
    assert claim.holds is None
    assert "not judged" in str(claim.why)


@pytest.mark.parametrize(
    ("seeds", "why"), [(3, "this run is smaller than --preset paper: 3 of 25 seeds"), (30, None)]
)
def test_fewer_seeds_than_published_are_listed_and_judged(seeds: int, why: str | None) -> None:
    results = table("NAU", "add", dict.fromkeys(RANGES, seeds), seeds)
    claim = judged(results, config=replace(PAPER, seeds=seeds))["NAU/add/solves-every-range"]
    assert (claim.holds, claim.why, claim.n) == (True, why, 9 * seeds)
