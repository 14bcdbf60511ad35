"""Masks at several strengths: one network, a part a strength, and how the sweep is judged."""

import polars as pl
import pytest

from extrapolate.errors import UserError
from extrapolate.experiments import with_options, written
from extrapolate.experiments.modularity.part import MaskedPart
from extrapolate.experiments.modularity.strength.experiment import MODULARITY_STRENGTH

PRESETS = MODULARITY_STRENGTH.presets


def test_a_part_a_strength_and_one_network_for_all() -> None:
    parts = MODULARITY_STRENGTH.parts(PRESETS["smoke"])
    subjects = [part.subject for part in parts if isinstance(part, MaskedPart)]
    assert [each.learning().pressure * 128 for each in subjects] == pytest.approx([1e-4, 1e-3])
    one, other = (part.replicas().state for part in parts)
    assert all(one[name].equal(other[name]) for name in one)


def test_strengths_are_put_in_order_and_the_single_one_is_no_option() -> None:
    found = with_options(PRESETS["smoke"], {"strengths": "1e-3, 2e-5,1e-3"})
    assert found.strengths == (2e-5, 1e-3)
    assert written(found)["strengths"] == "2e-05,0.001"
    assert "strength" not in written(found)
    assert len(PRESETS["paper"].strengths) == 25


@pytest.mark.parametrize(
    ("text", "message"), [("", "no strength given"), ("2", "out of range"), ("x", "not a number")]
)
def test_unusable_strengths_are_said(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        with_options(PRESETS["smoke"], {"strengths": text})


@pytest.mark.parametrize(
    ("kept", "right", "falls", "loses"),
    [((900, 500, 200), (1.0, 1.0, 0.6), True, True), ((900, 500, 500), (0.9, 0.9, 0.9), False, False)],
)
def test_the_sweep_is_judged(
    kept: tuple[int, ...], right: tuple[float, ...], falls: bool, loses: bool
) -> None:
    settings = with_options(PRESETS["laptop"], {"strengths": "1e-5,1e-4,1e-3"})
    results = pl.DataFrame(
        {
            "unit": "control",
            "operation": operation,
            "seed": seed,
            "strength": strength,
            "accuracy": accuracy,
            "kept": count,
        }
        for strength, count, accuracy in zip(settings.strengths, kept, right, strict=True)
        for seed in range(2)
        for operation in ("add", "mul")
    )
    found = {each.id: each for each in MODULARITY_STRENGTH.claims(results, settings)}
    assert found["kept-falls"].holds is falls
    assert found["accuracy-falls"].holds is loses
    assert "900" in (found["kept-falls"].why or "")
    assert MODULARITY_STRENGTH.claims(results.filter(strength=1e-5), settings) == []
