"""How published findings are judged: on made-up tables of results whose verdict is plain to see."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from extrapolate.experiments import Claim, experiment_named
from extrapolate.experiments.arithmetic._units import UNITS
from extrapolate.stats import success_rate
from extrapolate.tasks import OPERATIONS, PUBLISHED_RANGES

EXPERIMENT = experiment_named("single-module")
PAPER = EXPERIMENT.presets["paper"]
TESTED_ON = {str(pair): str(pair.test) for pair in PUBLISHED_RANGES}
RANGES = tuple(TESTED_ON)
SEEDS = 25
HARD = ("U[-2,-1]", "U[-1.2,-1.1]")
NEGATIVE = ("U[-20,-10]", "U[-2,-1]", "U[-1.2,-1.1]", "U[-0.2,-0.1]", "U[-2,2]")
POSITIVE = tuple(name for name in RANGES if name not in NEGATIVE)

ALL_SOLVED = dict.fromkeys(RANGES, SEEDS)
NONE_SOLVED = dict.fromkeys(RANGES, 0)


def table(unit: str, operation: str, solved: Mapping[str, int], seeds: int = SEEDS) -> pl.DataFrame:
    """Results in which ``solved[range]`` of the seeds solve."""
    columns = ["unit", "operation", "range", "extrapolation_range", "seed", "solved"]
    rows = [
        (unit, operation, name, TESTED_ON.get(name, "U[4,9]"), seed, seed < count)
        for name, count in solved.items()
        for seed in range(seeds)
    ]
    return pl.DataFrame(rows, columns, orient="row")


def judged(results: pl.DataFrame, config: Any = PAPER) -> dict[str, Claim]:
    return {claim.id: claim for claim in EXPERIMENT.claims(results, config)}


# --------------------------------------------------------------------------------------- true or false


EVERYWHERE = [("StochasticNMU", "mul"), ("BatchStochasticNMU", "mul"), ("NAU", "add"), ("NAU", "sub")]


@pytest.mark.parametrize(("unit", "operation"), EVERYWHERE)
def test_success_everywhere_holds_only_if_every_model_solves(unit: str, operation: str) -> None:
    id = f"{unit}/{operation}/solves-every-range"
    claims = judged(table(unit, operation, ALL_SOLVED))
    assert set(claims) == {id}, "only units that were run are judged"
    expected = success_rate(225, 225)
    assert claims[id].interval == (expected.low, expected.high)
    assert (claims[id].holds, claims[id].why, claims[id].measured, claims[id].n) == (True, None, 1.0, 225)

    claim = judged(table(unit, operation, ALL_SOLVED | {"U[1,2]": 24}))[id]
    assert claim.holds is False
    assert claim.measured == pytest.approx(224 / 225)
    assert "U[1,2] 96%" in str(claim.why)


@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize(("solved", "holds"), [(0, True), (21, True), (24, True), (25, False)])
def test_failure_of_the_nmu_holds_if_the_interval_excludes_one(name: str, solved: int, holds: bool) -> None:
    claim = judged(table("NMU", "mul", ALL_SOLVED | {name: solved}))[f"NMU/mul/fails-in-{name}"]
    assert claim.holds is holds
    assert claim.measured == solved / SEEDS
    assert claim.n == SEEDS
    assert (claim.why is None) is holds


def test_success_of_the_nmu_elsewhere_leaves_the_hard_ranges_out() -> None:
    id = "NMU/mul/solves-seven-ranges"
    claim = judged(table("NMU", "mul", ALL_SOLVED | dict.fromkeys(HARD, 3)))[id]
    assert claim.holds is True
    assert (claim.measured, claim.n) == (1.0, 7 * SEEDS)
    assert judged(table("NMU", "mul", ALL_SOLVED | {"U[10,20]": 24}))[id].holds is False


@pytest.mark.parametrize("unit", ["NACMul", "NALU"])
def test_only_some_positive_ranges(unit: str) -> None:
    def holds(solved: dict[str, int]) -> bool | None:
        results = table(unit, "mul", NONE_SOLVED | solved)
        return judged(results)[f"{unit}/mul/only-some-positive-ranges"].holds

    some_seeds = dict.fromkeys(POSITIVE, 10)
    assert holds(some_seeds)
    assert holds({POSITIVE[0]: SEEDS})
    assert not holds(dict.fromkeys(POSITIVE, SEEDS))
    assert not holds({})
    assert not holds(some_seeds | {"U[-2,2]": 1})


@pytest.mark.parametrize("operation", OPERATIONS)
def test_plain_network_never_extrapolates(operation: str) -> None:
    id = f"MLP/{operation}/never-extrapolates"
    assert judged(table("MLP", operation, NONE_SOLVED))[id].holds is True
    assert judged(table("MLP", operation, NONE_SOLVED | {"U[1,2]": 1}))[id].holds is False


def test_what_a_unit_cannot_represent_is_one_claim_for_all_its_operations() -> None:
    results = pl.concat([table(unit, operation, NONE_SOLVED) for unit in UNITS for operation in OPERATIONS])
    claims = judged(results)
    for unit, setup in UNITS.items():
        id, unable = f"{unit}/cannot-represent", OPERATIONS.keys() - setup.operations
        assert (id in claims) is (unit != "MLP" and bool(unable))
        if id in claims:
            assert (claims[id].holds, claims[id].measured, claims[id].n) == (True, 0, 225 * len(unable))
    assert "cannot represent × ÷ (its exact weights give + −)" in claims["NAU/cannot-represent"].claim
    solved = judged(table("NAU", "mul", NONE_SOLVED | {"U[1,2]": 1}))
    assert solved["NAU/cannot-represent"].holds is False


@pytest.mark.parametrize(("solved", "holds"), [(ALL_SOLVED, False), (ALL_SOLVED | {"U[-2,2]": 24}, True)])
def test_no_unit_divides_in_every_range(solved: dict[str, int], holds: bool) -> None:
    assert judged(table("NRU", "div", solved))["NRU/div/not-in-every-range"].holds is holds


def test_real_npu_fails_division_on_negative_ranges() -> None:
    id = "RealNPU/div/fails-on-negative-ranges"
    negative = {name: 0 for name in RANGES if name.startswith("U[-")}
    assert judged(table("RealNPU", "div", ALL_SOLVED | negative))[id].holds is True
    assert judged(table("RealNPU", "div", ALL_SOLVED))[id].holds is False


def test_units_represent_what_their_definitions_say() -> None:
    able = {unit: set(setup.operations) for unit, setup in UNITS.items()}
    assert able["NAC"] == able["NAU"] == {"add", "sub"}
    assert able["NMU"] == able["StochasticNMU"] == able["BatchStochasticNMU"] == {"mul"}
    assert able["NACMul"] == {"mul", "div"}
    assert able["NALU"] == {"add", "sub", "mul", "div"}


# ------------------------------------------------------------------------------------------ not judged


def test_a_finding_is_judged_only_if_its_ranges_were_tested_as_published() -> None:
    results = table("StochasticNMU", "mul", ALL_SOLVED)
    elsewhere = pl.when(range="U[10,20]").then(pl.lit("U[20,21]")).otherwise("extrapolation_range")
    for changed in (
        results.filter(pl.col("range") != "U[10,20]"),
        results.with_columns(extrapolation_range=elsewhere),
    ):
        claim = judged(changed)["StochasticNMU/mul/solves-every-range"]
        assert (claim.holds, claim.n) == (None, 8 * SEEDS)
        assert "U[10,20]" in str(claim.why)


def test_finding_about_the_ranges_that_were_run_is_judged_all_the_same() -> None:
    claims = judged(table("NMU", "mul", {"U[-2,-1]": 21}))
    assert claims["NMU/mul/fails-in-U[-2,-1]"].holds is True
    assert len(claims) == 1


def test_ranges_of_your_own_do_not_count_for_a_published_finding() -> None:
    claims = judged(table("StochasticNMU", "mul", ALL_SOLVED | {"U[3,4]": 0}))
    claim = claims["StochasticNMU/mul/solves-every-range"]
    assert claim.holds is True
    assert claim.n == 225


@pytest.mark.parametrize("changed", [{"steps": 300}, {"in_features": 10}, {"batch": 16}])
def test_another_protocol_than_published_is_not_judged(changed: dict[str, int]) -> None:
    claims = judged(table("MLP", "add", NONE_SOLVED), replace(PAPER, **changed))
    assert claims["MLP/add/never-extrapolates"].holds is None
    assert "not judged" in str(claims["MLP/add/never-extrapolates"].why)


@pytest.mark.parametrize(("seeds", "why"), [(3, "cut short: 3 of 25 seeds"), (30, None)])
def test_fewer_seeds_than_published_are_listed_and_judged(seeds: int, why: str | None) -> None:
    results = table("NAU", "add", dict.fromkeys(RANGES, seeds), seeds)
    claim = judged(results, replace(PAPER, seeds=seeds))["NAU/add/solves-every-range"]
    assert (claim.holds, claim.why, claim.n) == (True, why, 9 * seeds)
