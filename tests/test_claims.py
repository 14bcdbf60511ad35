"""How published findings are judged: on made-up tables of results whose verdict is plain to see."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace

import polars as pl
import pytest

from extrapolate.experiments import Claim, experiment_named
from extrapolate.experiments.intervals import success_rate
from extrapolate.experiments.single_module import UNITS
from extrapolate.tasks import OPERATIONS, PUBLISHED_RANGES, parse_range_pairs

EXPERIMENT = experiment_named("single-module")
PAPER = EXPERIMENT.presets["paper"]
RANGES = tuple(str(pair) for pair in PUBLISHED_RANGES)
SEEDS = 25
HARD = ("U[-2,-1]", "U[-1.2,-1.1]")
NEGATIVE = ("U[-20,-10]", "U[-2,-1]", "U[-1.2,-1.1]", "U[-0.2,-0.1]", "U[-2,2]")
POSITIVE = tuple(name for name in RANGES if name not in NEGATIVE)

ALL_SOLVED = dict.fromkeys(RANGES, SEEDS)
NONE_SOLVED = dict.fromkeys(RANGES, 0)


def table(
    unit: str, operation: str, solved: Mapping[str, int], seeds: int = SEEDS, steps: int = 50_000
) -> pl.DataFrame:
    """Results in which ``solved[range]`` of the seeds solve."""
    rows = []
    for name, count in solved.items():
        for seed in range(seeds):
            ok = seed < count
            rows.append(
                {
                    "unit": unit,
                    "operation": operation,
                    "range": name,
                    "extrapolation_range": "U[2,6]",
                    "seed": seed,
                    "solved": ok,
                    "solved_at": 1000 * (seed + 1) if ok else None,
                    "sparsity_error": 1e-6 * (seed + 1),
                    "validation_mse": 1e-9,
                    "extrapolation_mse": 1e-9 if ok else 1.0,
                    "threshold": 1e-8,
                    "best_step": steps,
                    "steps": steps,
                }
            )
    return pl.DataFrame(rows, schema_overrides={"solved_at": pl.Int64, "sparsity_error": pl.Float64})


def judged(results: pl.DataFrame, settings: object = PAPER) -> dict[str, Claim]:
    claims = EXPERIMENT.claims(results, settings)
    by_id = {claim.id: claim for claim in claims}
    assert len(by_id) == len(claims), "ids are unique"
    return by_id


def findings(claims: dict[str, Claim]) -> dict[str, Claim]:
    return {id: claim for id, claim in claims.items() if claim.published is not None}


# --------------------------------------------------------------------------------------- true or false


@pytest.mark.parametrize(
    ("unit", "operation", "id"),
    [
        ("StochasticNMU", "mul", "StochasticNMU/mul/solves-every-range"),
        ("BatchStochasticNMU", "mul", "BatchStochasticNMU/mul/solves-every-range"),
        ("NAU", "add", "NAU/add/solves-every-range"),
        ("NAU", "sub", "NAU/sub/solves-every-range"),
    ],
)
def test_success_everywhere_holds_only_if_every_model_solves(unit: str, operation: str, id: str) -> None:
    claim = judged(table(unit, operation, ALL_SOLVED))[id]
    assert claim.holds is True
    assert claim.why is None
    assert (claim.measured, claim.n) == (1.0, 225)
    expected = success_rate(225, 225)
    assert claim.interval == (expected.low, expected.high)

    claim = judged(table(unit, operation, ALL_SOLVED | {"U[1,2]": 24}))[id]
    assert claim.holds is False
    assert claim.measured == pytest.approx(224 / 225)
    assert claim.why is not None
    assert "U[1,2] 96%" in claim.why


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
@pytest.mark.parametrize(
    ("solved", "holds"),
    [
        (dict.fromkeys(POSITIVE, 10), True),
        (dict.fromkeys(POSITIVE[:1], SEEDS), True),
        (dict.fromkeys(POSITIVE, SEEDS), False),
        ({}, False),
        (dict.fromkeys(POSITIVE, 10) | {"U[-2,2]": 1}, False),
    ],
    ids=["some seeds", "one range", "all positive", "nowhere", "a negative one too"],
)
def test_only_some_positive_ranges(unit: str, solved: dict[str, int], holds: bool) -> None:
    claim = judged(table(unit, "mul", NONE_SOLVED | solved))[f"{unit}/mul/only-some-positive-ranges"]
    assert claim.holds is holds
    told = claim.why or ""
    assert ("product of their magnitudes" in told) is ("U[-2,2]" in solved)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_plain_network_never_extrapolates(operation: str) -> None:
    id = f"MLP/{operation}/never-extrapolates"
    assert judged(table("MLP", operation, NONE_SOLVED))[id].holds is True
    assert judged(table("MLP", operation, NONE_SOLVED | {"U[1,2]": 1}))[id].holds is False


UNABLE = [(unit, operation) for unit in UNITS for operation in OPERATIONS]


@pytest.mark.parametrize(("unit", "operation"), UNABLE)
def test_what_a_unit_cannot_represent_is_a_claim_of_its_own(unit: str, operation: str) -> None:
    id = f"{unit}/cannot-represent"
    claims = judged(table(unit, operation, NONE_SOLVED))
    assert (id in claims) is (unit != "MLP" and operation not in UNITS[unit].operations)
    if id in claims:
        assert claims[id].holds is True
        assert claims[id].measured == 0
        assert judged(table(unit, operation, NONE_SOLVED | {"U[1,2]": 1}))[id].holds is False


def test_what_a_unit_cannot_represent_is_one_claim_for_all_its_operations() -> None:
    tables = [table("NAU", operation, NONE_SOLVED) for operation in ("add", "mul", "div")]
    claim = judged(pl.concat(tables))["NAU/cannot-represent"]
    assert "cannot represent × ÷ (its exact weights give + −)" in claim.claim
    assert claim.n == tables[1].height + tables[2].height


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


@pytest.mark.parametrize(
    ("settings", "solved"),
    [
        (replace(PAPER, ranges=PUBLISHED_RANGES[:8]), dict.fromkeys(RANGES[:8], SEEDS)),
        (replace(PAPER, ranges=parse_range_pairs("U[10,20]/U[20,21]") + PUBLISHED_RANGES[:8]), ALL_SOLVED),
    ],
    ids=["a range was not run", "a range was tested elsewhere"],
)
def test_other_ranges_than_published_are_not_judged(settings: object, solved: dict[str, int]) -> None:
    claim = judged(table("StochasticNMU", "mul", solved), settings)["StochasticNMU/mul/solves-every-range"]
    assert claim.holds is None
    assert claim.why is not None
    assert "not judged" in claim.why
    assert "U[10,20]" in claim.why


def test_finding_about_the_ranges_that_were_run_is_judged_all_the_same() -> None:
    settings = replace(PAPER, ranges=PUBLISHED_RANGES[1:2])
    claims = judged(table("NMU", "mul", {"U[-2,-1]": 21}), settings)
    assert claims["NMU/mul/fails-in-U[-2,-1]"].holds is True
    assert claims["NMU/mul/fails-in-U[-1.2,-1.1]"].holds is None
    assert claims["NMU/mul/solves-seven-ranges"].holds is None


def test_ranges_of_your_own_do_not_count_for_a_published_finding() -> None:
    settings = replace(PAPER, ranges=PUBLISHED_RANGES + parse_range_pairs("U[3,4]/U[4,9]"))
    claims = judged(table("StochasticNMU", "mul", ALL_SOLVED | {"U[3,4]": 0}), settings)
    claim = claims["StochasticNMU/mul/solves-every-range"]
    assert claim.holds is True
    assert claim.n == 225
    assert claims["StochasticNMU/mul/U[3,4]/success_rate"].measured == 0


@pytest.mark.parametrize(
    ("settings", "steps"),
    [
        (replace(PAPER, steps=300), 300),
        (replace(PAPER, in_features=10), 50_000),
        (replace(PAPER, batch=16), 50_000),
    ],
    ids=["300 steps", "10 inputs", "batch of 16"],
)
@pytest.mark.parametrize(
    ("unit", "operation", "id"),
    [
        ("StochasticNMU", "mul", "StochasticNMU/mul/solves-every-range"),
        ("NMU", "mul", "NMU/mul/fails-in-U[-2,-1]"),
        ("MLP", "add", "MLP/add/never-extrapolates"),
        ("NAU", "mul", "NAU/cannot-represent"),
    ],
)
def test_another_protocol_than_published_is_not_judged(
    unit: str, operation: str, id: str, settings: object, steps: int
) -> None:
    claim = judged(table(unit, operation, NONE_SOLVED, steps=steps), settings)[id]
    assert claim.holds is None
    assert claim.why is not None
    assert "not judged" in claim.why


def test_fewer_seeds_than_published_are_told() -> None:
    settings = replace(PAPER, seeds=3)
    claim = judged(table("NAU", "add", dict.fromkeys(RANGES, 3), seeds=3), settings)[
        "NAU/add/solves-every-range"
    ]
    assert claim.n == 27
    assert claim.why is not None
    assert "3 of 25 seeds" in claim.why


def test_more_seeds_than_published_are_no_reason_for_doubt() -> None:
    settings = replace(PAPER, seeds=30)
    claim = judged(table("NAU", "add", dict.fromkeys(RANGES, 30), seeds=30), settings)[
        "NAU/add/solves-every-range"
    ]
    assert (claim.holds, claim.why) == (True, None)


# ---------------------------------------------------------------------------------------- measurements


def test_every_unit_operation_and_range_is_measured() -> None:
    results = pl.concat([table("NMU", "mul", ALL_SOLVED | {"U[1,2]": 5}), table("NAU", "add", NONE_SOLVED)])
    claims = judged(results)
    for unit, operation in (("NMU", "mul"), ("NAU", "add")):
        for name in RANGES:
            for measure in ("success_rate", "solved_at", "sparsity_error"):
                claim = claims.pop(f"{unit}/{operation}/{name}/{measure}")
                assert claim.published is None
                assert claim.holds is None
    assert findings(claims) == claims, "nothing but findings is left"


def test_measures_are_taken_over_the_solved_models() -> None:
    claims = judged(table("NMU", "mul", ALL_SOLVED | {"U[1,2]": 5, "U[10,20]": 0}))
    rate = claims["NMU/mul/U[1,2]/success_rate"]
    assert (rate.measured, rate.n) == (0.2, 25)
    expected = success_rate(5, 25)
    assert rate.interval == (expected.low, expected.high)
    at = claims["NMU/mul/U[1,2]/solved_at"]
    assert (at.measured, at.n) == (pytest.approx(3000, rel=1e-3), 5)
    sparsity = claims["NMU/mul/U[1,2]/sparsity_error"]
    assert sparsity.n == 5
    assert sparsity.measured == pytest.approx(3e-6, rel=0.01)
    nothing = claims["NMU/mul/U[10,20]/solved_at"]
    assert (nothing.measured, nothing.interval, nothing.n) == (None, None, 0)


def test_only_units_that_were_run_are_judged() -> None:
    claims = judged(table("NAU", "add", ALL_SOLVED))
    assert set(findings(claims)) == {"NAU/add/solves-every-range"}


def test_every_published_claim_names_its_source_and_is_written_as_json() -> None:
    results = pl.concat(
        [table(unit, operation, {"U[1,2]": 20, "U[-2,-1]": 1}) for unit in UNITS for operation in OPERATIONS]
    )
    claims = judged(results)
    for claim in findings(claims).values():
        assert "arXiv" in str(claim.published) or claim.id.endswith("cannot-represent")
    text = json.dumps([asdict(claim) for claim in claims.values()], allow_nan=False)
    assert len(json.loads(text)) == len(claims)
