"""The Arithmetic Dataset Task and its noise study: subsets, answers, thresholds, noises, and their findings."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import polars as pl
import pytest
import torch

from extrapolate import nn
from extrapolate._runtime.errors import UserError
from extrapolate.experiments import Claim, get_experiment
from extrapolate.experiments.arithmetic.noise_range import BATCH_NOISE, PLAIN, WITH_NOISE
from extrapolate.tasks import PUBLISHED_RANGES, SubsetProduct
from extrapolate.training.loop import run_training
from made_up import judged

DATASET, NOISE = get_experiment("arithmetic-dataset"), get_experiment("noise-range")
RANGES = tuple(str(pair) for pair in PUBLISHED_RANGES)


def test_answer_is_the_product_of_both_sums() -> None:
    task = SubsetProduct(PUBLISHED_RANGES[6], in_features=8, subset_ratio=0.5)
    x = torch.tensor([[9.0, 1, 2, 3, 4, 5, 6, 9]])
    subsets = torch.zeros(8, 2)
    subsets[1:5, 0] = subsets[3:7, 1] = 1
    assert task.answer(x, subsets).tolist() == [[180.0]]


@pytest.mark.parametrize("seed", range(20))
def test_subsets_are_contiguous_and_overlap_by_half_at_every_offset(seed: int) -> None:
    subsets = SubsetProduct(PUBLISHED_RANGES[6]).place_subsets(torch.Generator().manual_seed(seed)).subsets
    first, second = (subsets[:, i].nonzero().flatten().tolist() for i in (0, 1))
    assert first == list(range(first[0], first[0] + 25))
    assert second == list(range(first[0] + 13, first[0] + 38))


def test_subsets_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        SubsetProduct(PUBLISHED_RANGES[6], subset_ratio=0.9, overlap_ratio=0.1)
    with pytest.raises(ValueError, match="offset=63: choose 0 to 62"):
        SubsetProduct(PUBLISHED_RANGES[6], offset=63)


PUBLISHED = (505.38, 0.16, 0.1113, 9.204e-4, 2.307e-4, 9.2e-4, 0.1601, 0.1053)


def test_thresholds_are_the_published_ones() -> None:
    for pair, published in zip(PUBLISHED_RANGES, PUBLISHED, strict=False):
        assert SubsetProduct(pair).threshold(count=20_000) == pytest.approx(published, rel=0.07), pair


def table(solved: Mapping[str, Mapping[str, int]]) -> pl.DataFrame:
    """Return results in which ``solved[network][range]`` of 20 seeds solve the task."""
    rows = [
        (network, name, seed, seed < count)
        for network, counts in solved.items()
        for name, count in counts.items()
        for seed in range(20)
    ]
    return pl.DataFrame(rows, ["model", "split", "seed", "solved"], orient="row")


EVERYWHERE = dict.fromkeys(RANGES, 20)


def dataset(plain: Mapping[str, int], config: Any = DATASET.presets["paper"]) -> list[Claim]:
    """Judge the failures and the improvement, if the stochastic network solves everything."""
    claims = judged(DATASET, table({"NAU-NMU": plain, "NAU-StochasticNMU": EVERYWHERE}), config)
    return [claims[id] for id in ("NAU-NMU/fails-in-several-ranges", "NAU-StochasticNMU/solves-more-than-NAU-NMU")]


def test_findings_hold_only_if_the_noise_helps() -> None:
    fails, improves = dataset(EVERYWHERE | {RANGES[0]: 2, RANGES[1]: 10})
    assert (fails.holds, fails.measured) == (True, pytest.approx(152 / 180))
    assert (improves.holds, improves.measured) == (True, pytest.approx(28 / 180))
    assert RANGES[0] in str(fails.why)
    assert "9 ranges, by NAU→NMU 7" in str(improves.why)
    assert [claim.holds for claim in dataset(EVERYWHERE)] == [False, False]


def test_shorter_trainings_than_published_are_listed_and_very_short_ones_are_not_judged() -> None:
    for changed, holds, why in (
        ({}, False, "150,000 of 5,000,000 steps"),
        ({"steps": 100}, None, "100 of 5,000,000 steps"),
        ({"ranges": PUBLISHED_RANGES[:3]}, None, "3 of 9 ranges"),
    ):
        _, improves = dataset(EVERYWHERE, replace(DATASET.presets["laptop"], **changed))
        assert improves.holds is holds
        assert why in str(improves.why)


BAND, CHOICE = "StochasticNMU/broad-band-of-noises", f"{BATCH_NOISE}/as-good-as-the-best"


ENDS = [WITH_NOISE[high] for high in (1.5, 2, 5, 10, 50)]


def noise(*counts: int, **others: int) -> dict[str, Claim]:
    """Judge numbers of solved models (of 20) with the upper ends 1.5, 2, 5, 10 and 50, and of other networks."""
    solved = dict(zip(ENDS, counts, strict=True)) | others
    return judged(NOISE, table({name: {"U[-2,2]": count} for name, count in solved.items()}), NOISE.presets["paper"])


def test_band_is_broad_if_neighbouring_ends_solve_as_many_models() -> None:
    claim = noise(2, 20, 20, 20, 3)[BAND]
    assert (claim.holds, claim.measured) == (True, 5)
    assert "from U[1,2] to U[1,10]" in str(claim.why)
    assert noise(2, 3, 20, 4, 3)[BAND].holds is False
    assert noise(20, 20, 3, 20, 20)[BAND].holds is False  # a failure in between ends the band


def test_batch_noise_must_solve_as_many_models_as_the_best_end() -> None:
    good = noise(2, 10, 20, 20, 3, **{BATCH_NOISE: 20})[CHOICE]
    assert (good.holds, good.measured) == (True, 0)
    assert "U[1,5]" in str(good.why)
    assert noise(2, 10, 20, 20, 3, **{BATCH_NOISE: 12})[CHOICE].holds is False


def test_each_noise_is_compared_with_no_noise() -> None:
    claims = noise(2, 10, 20, 20, 3, **{PLAIN: 8})
    more = [claims[f"{end}/solves-more-than-NAU-NMU"] for end in ENDS]
    assert [claim.holds for claim in more] == [False, False, True, True, False]
    assert more[2].measured == pytest.approx(0.6)


@pytest.mark.parametrize("high", WITH_NOISE)
def test_the_network_name_has_the_upper_end_of_the_noise(high: float) -> None:
    smoke = replace(NOISE.presets["smoke"], networks=(WITH_NOISE[high],))
    (training,) = cast(Any, NOISE.jobs(smoke)).values()
    unit = training.build().get_submodule("1")
    assert isinstance(unit, nn.StochasticNMU)
    sampled = unit.sample_noise(torch.zeros(20_000, 2))
    assert sampled.min() >= 1
    assert sampled.max() == pytest.approx(high, rel=1e-2)


def test_the_results_of_a_seed_do_not_depend_on_the_other_seeds() -> None:
    errors = []
    for seeds in (1, 3):
        smoke = replace(DATASET.presets["smoke"], networks=("NAU-StochasticNMU",), seeds=seeds)
        training: Any = DATASET.jobs(smoke)["NAU-StochasticNMU-U1_2"]
        history = run_training(training.replicas(), training.train)
        errors.append(history.at_best("extrapolation_mse")[0].item())
    assert errors[0] == pytest.approx(errors[1], rel=1e-5)


def test_penalty_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(UserError, match="--penalty-end"):
        replace(DATASET.presets["smoke"], penalty_start=40, penalty_end=20)
