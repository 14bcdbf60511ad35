"""Masks learned without a class: masked tensors, rounds, images, and the verdicts on losses."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from extrapolate.experiments.masks.modularity_class_removal import (
    CLASSES,
    LAST,
    ClassRemovalConfig,
    confusions,
    held_out,
    images_of,
    mask_rounds,
    modularity_class_removal,
    places_of,
    relative_drops,
    removal_study,
)
from extrapolate.inspect import Mask
from extrapolate.report import write_page
from silent import smoke_run

PRESETS = modularity_class_removal.presets
SMOKE = PRESETS["smoke"]


def rows(without: np.ndarray, seeds: int = 2) -> pl.DataFrame:
    """Results of a network that is always right, except without class 3: ``without`` (10, 10) has its answers."""
    views = {"unmasked": np.eye(10), "control": np.eye(10), "without 3": without}
    return pl.DataFrame(
        {
            "model": view,
            "task": f"class {name}",
            "seed": seed,
            "accuracy": float(matrix[label, label]),
            **{f"given {answer}": float(share) for answer, share in zip(CLASSES, matrix[label], strict=True)},
        }
        for seed in range(seeds)
        for view, matrix in views.items()
        for label, name in enumerate(CLASSES)
    )


def build(config: ClassRemovalConfig) -> torch.nn.Module:
    return removal_study(config, 0).build()


def test_images_are_normalized_by_the_training_set_and_sets_are_disjoint() -> None:
    found = images_of(SMOKE.data)
    assert found.training.images.mean().abs() < 1e-5
    assert found.training.images.std() == pytest.approx(1, abs=1e-4)
    assert len(held_out(SMOKE.data)) == len(found.validation) + len(found.test)
    without = tuple(each for each in CLASSES if each != "3")
    part = found.training.part(places_of(SMOKE.data, without, "cpu"))
    assert part.labels.unique().tolist() == [int(each) for each in without]
    assert len(part) == int((found.training.labels != 3).sum())


def test_a_class_is_not_cut_off_at_its_own_output() -> None:
    torch.manual_seed(0)
    network = build(SMOKE)
    (control,), (without, *_) = mask_rounds(2)
    kept = {name: torch.rand_like(value) < 0.5 for name, value in network.named_parameters()}
    masks = {"control": Mask(kept)}
    pruned = without.network(network, masks).get_parameter("out.weight")
    assert torch.equal(pruned != 0, kept["out.weight"])
    left = [name for name, value in network.named_parameters() if not without.parameters(name, value, network)]
    assert left == list(LAST)
    learned = Mask({name: torch.ones_like(value) for name, value in kept.items() if name not in LAST})
    whole = without.complete(learned, masks)
    assert torch.equal(whole["out.weight"], kept["out.weight"])
    assert control.network(network, {}) is network


def test_differences_are_to_the_control_mask() -> None:
    without = np.eye(10)
    without[3] = [0, 0, 0, 0.25, 0, 0.75, 0, 0, 0, 0]
    found = confusions(rows(without, 1))
    assert found.filter(answer="3", **{"class": "3"})["value"].to_list() == [-0.75]
    assert found.filter(answer="5", **{"class": "3"})["value"].to_list() == [0.75]
    assert found["value"].abs().sum() == 1.5
    assert relative_drops(rows(without, 1), "3").tolist() == [[0, 0, 0, 0.75, 0, 0, 0, 0, 0, 0]]


@pytest.mark.parametrize(
    ("target", "bystander", "most", "little"),
    [(0.9, 0.05, True, True), (0.9, 0.2, True, False), (0.3, 0.5, False, False)],
)
def test_losses_are_judged(target: float, bystander: float, most: bool, little: bool) -> None:
    without = np.diag([1 - (target if label == 3 else bystander * (label == 7)) for label in range(10)])
    found = {each.id: each for each in modularity_class_removal.claims(rows(without), PRESETS["laptop"])}
    assert found["control"].holds
    assert found["removed-loses-most"].holds is most
    assert found["bystander"].holds is little
    assert found["bystander"].measured == pytest.approx(bystander / target)


def test_page_shows_what_is_lost_with_a_class(tmp_path: Path) -> None:
    smoke_run("modularity-class-removal", tmp_path)
    page = write_page(tmp_path).read_text(encoding="utf-8")
    for title in ("Effect of removing a class", "Without class 0", "Without class 1"):
        assert title in page
    assert "Without class 2" not in page
    confused = pl.read_parquet(tmp_path / "confusions.parquet").with_columns(value=pl.lit("zebra"))
    confused.write_parquet(tmp_path / "confusions.parquet")
    assert "zebra" not in write_page(tmp_path).read_text(encoding="utf-8")
