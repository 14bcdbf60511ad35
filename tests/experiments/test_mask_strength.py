"""Masks at several strengths: one network, one training per strength, and the verdict on the sweep."""

import polars as pl
import pytest

from extrapolate._runtime.errors import UserError
from extrapolate.experiments.masks._masks import mask_training
from extrapolate.experiments.masks.modularity_strength import modularity_strength, strength_study
from extrapolate.experiments.options import serialize_config, with_options
from made_up import judged

PRESETS = modularity_strength.presets


def test_one_network_for_all_strengths() -> None:
    smoke = PRESETS["smoke"]
    studies = [strength_study(smoke, 0, strength) for strength in smoke.strengths]
    assert [each.mask_config.sparsity_penalty * 128 for each in studies] == pytest.approx([1e-4, 1e-3])
    one, other = (mask_training(each).replicas().state for each in studies)
    assert all(one[name].equal(other[name]) for name in one)


def test_strengths_are_sorted_and_strength_is_no_option() -> None:
    found = with_options(PRESETS["smoke"], {"strengths": "1e-3, 2e-5,1e-3"})
    assert found.strengths == (2e-5, 1e-3)
    assert serialize_config(found)["strengths"] == "2e-05,0.001"
    assert "strength" not in serialize_config(found)
    assert len(PRESETS["paper"].strengths) == 25
    with pytest.raises(UserError, match="out of range"):
        with_options(PRESETS["smoke"], {"strengths": "2"})


@pytest.mark.parametrize(("least", "right", "falls"), [(200, [1, 1, 1, 1, 0.6], True), (500, [0.9] * 5, False)])
def test_the_sweep_is_judged(least: int, right: list[float], falls: bool) -> None:
    strengths = PRESETS["laptop"].strengths
    results = pl.DataFrame(
        ("control", operation, seed, *each)
        for each in zip(strengths, right, (900, 800, 700, 500, least), strict=True)
        for seed in range(2)
        for operation in ("add", "mul")
    )
    results.columns = ["model", "task", "seed", "strength", "accuracy", "num_kept"]
    found = judged(modularity_strength, results)
    kept, accuracy = found["kept-falls"], found["accuracy-falls"]
    assert (kept.holds, accuracy.holds, kept.n) == (falls, falls, 2)
    assert "900" in str(kept.why)
    unfinished = results.filter((pl.col("seed") == 0) | (pl.col("strength") < 1e-4))
    assert {each.n for each in judged(modularity_strength, unfinished).values()} == {1}
    assert judged(modularity_strength, results.filter(strength=1e-5)) == {}
