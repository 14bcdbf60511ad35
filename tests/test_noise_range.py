"""The noise study: the noises, the parts it shares, and how its findings are judged."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
import torch

from extrapolate import nn
from extrapolate.errors import UserError
from extrapolate.experiments import Claim, experiment_named, options_of, run, with_options
from extrapolate.experiments.noise_range.models import BATCH_NOISE, HIGHS, NETWORKS, NO_NOISE, with_noise
from extrapolate.experiments.noise_range.part import NoiseRangePart
from extrapolate.report import write_page
from extrapolate.tasks import PUBLISHED_RANGES
from silent import Silent

EXPERIMENT = experiment_named("noise-range")
SMOKE, LAPTOP, PAPER = (EXPERIMENT.presets[name] for name in ("smoke", "laptop", "paper"))


# ---------------------------------------------------------------------------------------------- the noises


@pytest.mark.parametrize("high", HIGHS)
def test_noise_goes_up_to_the_end_in_the_name(high: float) -> None:
    unit = NETWORKS[with_noise(high)].build(8)[1]  # type: ignore[index]
    assert isinstance(unit, nn.StochasticNMU)
    noise = unit.noise(torch.zeros(20_000, 2))
    assert noise.min() >= 1
    assert noise.max() == pytest.approx(high, rel=1e-2)
    assert f"{high:g}" in with_noise(high)


def test_part_is_the_arithmetic_datasets_with_its_own_network() -> None:
    part = NoiseRangePart(with_noise(1.5), PUBLISHED_RANGES[6], SMOKE)
    dataset = experiment_named("arithmetic-dataset")
    known = dataset.parts(dataset.presets["smoke"])[0]
    assert part.name == "NAU-StochasticNMU-1p5-U1_2"
    replicas, others = part.replicas(), known.replicas()
    assert replicas[0][1].high == 1.5  # type: ignore[index]
    assert torch.equal(replicas.parameters["0.weight"], others.parameters["0.weight"])
    assert torch.equal(part.plan(replicas).per_replica["subsets"], known.plan(others).per_replica["subsets"])


def test_options_are_the_arithmetic_datasets() -> None:
    known = options_of(experiment_named("arithmetic-dataset").presets["smoke"])
    assert list(options_of(SMOKE)) == list(known)
    with pytest.raises(UserError, match="--networks"):
        with_options(SMOKE, {"networks": "NALU-NALU"})


# ---------------------------------------------------------------------------------------------- the claims

BAND, CHOICE = "StochasticNMU/broad-band-of-noises", f"{BATCH_NOISE}/as-good-as-the-best"


def judged(solved: Mapping[str, int], settings: object = LAPTOP, seeds: int = 20) -> dict[str, Claim]:
    """Of networks of which ``solved[network]`` of ``seeds`` solve."""
    table = pl.DataFrame(
        [
            {
                "unit": network,
                "operation": "the product of two sums",
                "range": "U[-2,2]",
                "seed": seed,
                "solved": seed < count,
                "solved_at": 1000 if seed < count else None,
                "sparsity_error": 1e-5,
            }
            for network, count in solved.items()
            for seed in range(seeds)
        ],
        schema_overrides={"solved_at": pl.Int64},
    )
    return {claim.id: claim for claim in EXPERIMENT.claims(table, settings)}


def fixed(*counts: int) -> dict[str, int]:
    """Solved with the upper ends 1.5, 2, 5, 10 and 50."""
    return dict(zip(map(with_noise, (1.5, 2, 5, 10, 50)), counts, strict=True))


def test_band_is_broad_where_neighbouring_ends_solve_as_much() -> None:
    claim = judged(fixed(2, 20, 20, 20, 3))[BAND]
    assert claim.holds is True
    assert claim.measured == 5
    assert "from U[1,2] to U[1,10]" in str(claim.why)
    assert judged(fixed(2, 3, 20, 4, 3))[BAND].holds is False
    assert judged(fixed(20, 20, 3, 20, 20))[BAND].holds is False  # what fails in between ends the band


def test_batch_noise_must_solve_as_much_as_the_best_end() -> None:
    good = judged({**fixed(2, 10, 20, 20, 3), BATCH_NOISE: 20})[CHOICE]
    assert good.holds is True
    assert good.measured == 0
    assert "U[1,5]" in str(good.why)
    assert judged({**fixed(2, 10, 20, 20, 3), BATCH_NOISE: 12})[CHOICE].holds is False


def test_each_noise_is_compared_with_none() -> None:
    claims = judged({**fixed(2, 10, 20, 20, 3), NO_NOISE: 8})
    assert claims[f"{with_noise(5)}/solves-more-than-{NO_NOISE}"].holds is True
    assert claims[f"{with_noise(1.5)}/solves-more-than-{NO_NOISE}"].holds is False
    assert claims[f"{with_noise(5)}/solves-more-than-{NO_NOISE}"].measured == pytest.approx(0.6)


def test_what_was_cut_short_is_told_and_too_short_a_training_not_judged() -> None:
    counts = {**fixed(20, 20, 20, 20, 20), BATCH_NOISE: 20}
    why = str(judged(counts)[BAND].why)
    assert "80,000 of 2,000,000 steps" in why
    assert "7 of 9 ranges not run" in why
    assert "cut short" not in str(judged(counts, PAPER)[BAND].why)
    short = judged(counts, replace(LAPTOP, steps=100))[BAND]
    assert short.holds is None
    assert str(short.why).startswith("not judged")


# --------------------------------------------------------------------------------------- from start to page


def test_smoke_preset_goes_from_start_to_page(tmp_path: Path) -> None:
    outcome = run(EXPERIMENT, SMOKE, preset="smoke", folder=tmp_path, command="test", display=Silent())
    assert outcome.results.height == 6
    assert outcome.results["unit"].unique().sort().to_list() == sorted(SMOKE.networks)
    assert "product of two sums" in write_page(tmp_path).read_text()
