"""Masks that leave out a class: what is masked, in which order, from which images, and how losses are judged."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from extrapolate.errors import UserError
from extrapolate.experiments import run, with_options
from extrapolate.experiments.carry_out import carry_out
from extrapolate.experiments.folder import RunFolder
from extrapolate.experiments.modularity.class_removal.confusions import CLASSES, confusions, relative_drops
from extrapolate.experiments.modularity.class_removal.experiment import MODULARITY_CLASS_REMOVAL
from extrapolate.experiments.modularity.class_removal.subject import LAST, ClassRemoval, held_out, images_of
from extrapolate.experiments.modularity.part import MaskedPart
from extrapolate.inspect import Mask
from extrapolate.report import write_page
from extrapolate.tasks.cifar import TRAINING_FILES, has_cifar, load_cifar
from extrapolate.training.watch import Interrupted
from silent import Silent
from watching import Watching

PRESETS = MODULARITY_CLASS_REMOVAL.presets
SMOKE = PRESETS["smoke"]
SUBJECT = ClassRemoval(0, SMOKE)


def rows(without: np.ndarray, seeds: int = 2) -> pl.DataFrame:
    """A network that is always right but without a class: then its answers are ``without`` (10, 10)."""
    views = {"unmasked": np.eye(10), "control": np.eye(10), "without 3": without}
    return pl.DataFrame(
        {
            "unit": view,
            "operation": f"class {asked}",
            "seed": seed,
            "accuracy": float(matrix[place, place]),
            **{f"given {given}": float(share) for given, share in zip(CLASSES, matrix[place], strict=True)},
        }
        for seed in range(seeds)
        for view, matrix in views.items()
        for place, asked in enumerate(CLASSES)
    )


def test_images_are_normalized_by_the_training_set_and_none_is_in_two_sets() -> None:
    found = images_of(SMOKE.data)
    assert found.training.images.mean().abs() < 1e-5
    assert found.training.images.std() == pytest.approx(1, abs=1e-4)
    assert len(held_out(SMOKE.data)) == len(found.validation) + len(found.test)
    drawn = SUBJECT.drawn(torch.rand(3, 256), tuple(each for each in CLASSES if each != "3"))
    assert sorted(drawn[1].unique().tolist()) == [int(each) for each in CLASSES if each != "3"]


def test_a_class_is_not_cut_off_at_its_own_output() -> None:
    torch.manual_seed(0)
    network = SUBJECT.build()
    control, without = SUBJECT.rounds[0][0], SUBJECT.rounds[1][0]
    drawn = {name: torch.rand_like(value) < 0.5 for name, value in network.named_parameters()}
    masks = {"control": Mask(drawn)}
    pruned = SUBJECT.module(without, network, masks).get_parameter("out.weight")
    assert torch.equal(pruned != 0, drawn["out.weight"])
    chosen = SUBJECT.choose(without)
    assert [name for name, value in network.named_parameters() if not chosen(name, value, network)] == list(
        LAST
    )
    learned = Mask({name: torch.ones_like(value) for name, value in drawn.items() if name not in LAST})
    whole = SUBJECT.completed(without, learned, masks)
    assert torch.equal(whole["out.weight"], drawn["out.weight"])
    assert SUBJECT.module(control, network, {}) is network


def test_stopped_in_the_second_round_it_ends_with_the_same_numbers(tmp_path: Path) -> None:
    settings = replace(SMOKE, mask_steps=6, rate=0.5, removed=1)
    found = []
    for name, stops in (("whole", ()), ("stopped", (settings.steps + 2, settings.steps + 8))):
        (part,) = MODULARITY_CLASS_REMOVAL.parts(settings)
        assert isinstance(part, MaskedPart)
        place = RunFolder(tmp_path / name)
        (tmp_path / name / "parts").mkdir(parents=True)
        for stop in stops:
            with pytest.raises(Interrupted):
                carry_out(part, place, Watching(stop).begin)
        watching = Watching(-1)
        carry_out(part, place, watching.begin)
        assert watching.seen == watching.total == settings.steps + 2 * settings.mask_steps
        assert not list((tmp_path / name / "parts").glob("*later*"))
        found.append(pl.read_parquet(place.part(part.name, "parquet")))
    assert found[0].equals(found[1])
    assert 0 < found[0].filter(unit="without 0")["kept_share"][0] < 1


def test_differences_are_to_the_control_mask() -> None:
    without = np.eye(10)
    without[3] = [0, 0, 0, 0.25, 0, 0.75, 0, 0, 0, 0]
    found = confusions(rows(without, 1))
    assert found.filter(asked="3", given="3")["value"].to_list() == [-0.75]
    assert found.filter(asked="3", given="5")["value"].to_list() == [0.75]
    assert found["value"].abs().sum() == 1.5
    assert relative_drops(rows(without, 1), "3").tolist() == [0, 0, 0, 0.75, 0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("target", "bystander", "most", "little"),
    [(0.9, 0.05, True, True), (0.9, 0.2, True, False), (0.3, 0.5, False, False)],
)
def test_losses_are_judged(target: float, bystander: float, most: bool, little: bool) -> None:
    without = np.diag([1 - (target if place == 3 else bystander * (place == 7)) for place in range(10)])
    found = {each.id: each for each in MODULARITY_CLASS_REMOVAL.claims(rows(without), PRESETS["laptop"])}
    assert found["control"].holds
    assert found["removed-loses-most"].holds is most
    assert found["bystander"].holds is little
    assert found["bystander"].measured == pytest.approx(bystander / target)
    assert all(each.holds is None for each in MODULARITY_CLASS_REMOVAL.claims(rows(without), SMOKE))


def test_page_shows_what_is_lost_with_a_class(tmp_path: Path) -> None:
    run(MODULARITY_CLASS_REMOVAL, SMOKE, preset="smoke", folder=tmp_path, command="test", display=Silent())
    page = write_page(tmp_path).read_text(encoding="utf-8")
    for title in ("Lost with a class", "Without class 0", "Without class 1", "Right answers"):
        assert title in page
    assert "Without class 2" not in page
    confused = pl.read_parquet(tmp_path / "confusions.parquet").with_columns(value=pl.lit("zebra"))
    confused.write_parquet(tmp_path / "confusions.parquet")
    assert "zebra" not in write_page(tmp_path).read_text(encoding="utf-8")


def cifar(folder: Path, count: int = 40) -> None:
    """A made-up set: image n of a file has the label n modulo 10 and its red places full."""
    for name in (*TRAINING_FILES, "test_batch.bin"):
        records = np.zeros((count, 1 + 3072), np.uint8)
        records[:, 0], records[:, 1:1025] = np.arange(count) % 10, 255
        (folder / name).write_bytes(records.tobytes())


def test_cifar_is_read_from_its_binary_version(tmp_path: Path) -> None:
    assert not has_cifar(tmp_path)
    cifar(tmp_path)
    assert has_cifar(tmp_path)
    found = load_cifar(tmp_path)
    assert len(found.training) + len(found.validation) == 200
    assert 20 <= len(found.validation) <= 60
    assert found.test.labels[:12].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert found.test.images[:, 0].eq(1).all()
    assert not found.test.images[:, 1:].any()
    assert images_of(str(tmp_path)).training.images.shape[1:] == (3, 32, 32)


@pytest.mark.parametrize("content", [b"", b"short", bytes([11]) + bytes(3072)])
def test_damaged_cifar_is_one_clear_error(tmp_path: Path, content: bytes) -> None:
    cifar(tmp_path)
    (tmp_path / "data_batch_3.bin").write_bytes(content)
    with pytest.raises(UserError, match=r"data_batch_3\.bin.*get it anew"):
        load_cifar(tmp_path)
    (tmp_path / "data_batch_3.bin").unlink()
    with pytest.raises(UserError, match=r"data_batch_3\.bin: No such file.*binary version"):
        load_cifar(tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [("data", "nowhere", "no such folder"), ("batch", "30", "multiple of 4"), ("dropout", "1", "below 1")],
)
def test_unusable_options_are_said(name: str, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        with_options(SMOKE, {name: text})
