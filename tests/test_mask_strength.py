"""Masks at several strengths: one network, a training for each strength, and how the sweep is judged."""

import polars as pl
import pytest

from extrapolate.errors import UserError
from extrapolate.experiments import with_options, written
from extrapolate.experiments.masks._masks import mask_training
from extrapolate.experiments.masks.modularity_strength import modularity_strength, strength_study

PRESETS = modularity_strength.presets


def test_one_network_for_all_strengths() -> None:
    config = PRESETS["smoke"]
    studies = [strength_study(config, 0, strength) for strength in config.strengths]
    assert [each.learning.pressure * 128 for each in studies] == pytest.approx([1e-4, 1e-3])
    one, other = (mask_training(each).replicas().state for each in studies)
    assert all(one[name].equal(other[name]) for name in one)


def test_strengths_are_put_in_order_and_the_single_one_is_no_option() -> None:
    found = with_options(PRESETS["smoke"], {"strengths": "1e-3, 2e-5,1e-3"})
    assert found.strengths == (2e-5, 1e-3)
    assert written(found)["strengths"] == "2e-05,0.001"
    assert "strength" not in written(found)
    assert len(PRESETS["paper"].strengths) == 25
    with pytest.raises(UserError, match="out of range"):
        with_options(PRESETS["smoke"], {"strengths": "2"})


@pytest.mark.parametrize(
    ("kept", "right", "falls", "loses"),
    [
        ((900, 800, 700, 500, 200), (1.0, 1.0, 1.0, 1.0, 0.6), True, True),
        ((900, 800, 700, 500, 500), (0.9,) * 5, False, False),
    ],
)
def test_the_sweep_is_judged(
    kept: tuple[int, ...], right: tuple[float, ...], falls: bool, loses: bool
) -> None:
    config = PRESETS["laptop"]
    results = pl.DataFrame(
        {
            "unit": "control",
            "operation": operation,
            "seed": seed,
            "strength": strength,
            "accuracy": accuracy,
            "kept": count,
        }
        for strength, count, accuracy in zip(config.strengths, kept, right, strict=True)
        for seed in range(2)
        for operation in ("add", "mul")
    )
    found = {each.id: each for each in modularity_strength.claims(results, config)}
    assert found["kept-falls"].holds is falls
    assert found["accuracy-falls"].holds is loses
    assert found["kept-falls"].n == 2
    assert "900" in (found["kept-falls"].why or "")
    unfinished = results.filter((pl.col("seed") == 0) | (pl.col("strength") < 1e-4))
    assert {each.n for each in modularity_strength.claims(unfinished, config)} == {1}
    assert modularity_strength.claims(results.filter(strength=1e-5), config) == []
