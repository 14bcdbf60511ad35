"""Masks over addition and multiplication: the task, the part that goes on after training, and how it is judged."""

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
import torch

from extrapolate.experiments import run
from extrapolate.experiments.carry_out import carry_out
from extrapolate.experiments.folder import RunFolder
from extrapolate.experiments.modularity.add_mul.experiment import MODULARITY_ADD_MUL
from extrapolate.experiments.modularity.part import MaskedPart
from extrapolate.report import write_page
from extrapolate.tasks.modular_arithmetic import ModularArithmetic
from extrapolate.training.watch import Interrupted
from silent import Silent
from watching import Watching

SMOKE = MODULARITY_ADD_MUL.presets["smoke"]


def test_digits_least_significant_first_modulo_one_hundred() -> None:
    task = ModularArithmetic()
    x, answer = task.encoded(torch.tensor([47, 47]), torch.tensor([68, 68]), torch.tensor([0, 1]))
    assert answer.tolist() == [[5, 1], [6, 9]]
    assert x[0].nonzero()[:, 0].tolist() == [7, 10 + 4, 20 + 8, 30 + 6, 40]
    assert x[1].nonzero()[:, 0].tolist() == [7, 10 + 4, 20 + 8, 30 + 6, 41]


def test_table_holds_every_pair_and_draws_only_what_is_asked() -> None:
    task = ModularArithmetic()
    x, answer = task.table("mul")
    assert x.shape == (10_000, 42)
    assert len(x.unique(dim=0)) == 10_000
    logits = torch.nn.functional.one_hot(answer, 10).flatten(1).float()
    assert task.right(logits, answer).all()
    drawn, _ = task.drawn(torch.rand(3, 64), ("add",))
    assert drawn[:, -2:].tolist() == [[1, 0]] * 64


def test_what_is_drawn_is_what_its_numbers_say() -> None:
    task = ModularArithmetic()
    u = torch.tensor([[0.475, 0.475], [0.685, 0.685], [0.3, 0.8]])
    for operations, choice in ((("add", "mul"), [0, 1]), (("mul", "add"), [1, 0]), (("mul",), [1, 1])):
        expected = task.encoded(torch.tensor([47, 47]), torch.tensor([68, 68]), torch.tensor(choice))
        for found, wanted in zip(task.drawn(u, operations), expected, strict=True):
            assert torch.equal(found, wanted)


def carried_out(folder: Path, part: MaskedPart, *stops: int) -> pl.DataFrame:
    place = RunFolder(folder)
    (folder / "parts").mkdir(parents=True)
    for stop in stops:
        with pytest.raises(Interrupted):
            carry_out(part, place, Watching(stop).begin)
    watching = Watching(-1)
    carry_out(part, place, watching.begin)
    assert watching.seen == watching.total == SMOKE.steps + part.more_steps
    assert not list((folder / "parts").glob("*later*"))
    return pl.read_parquet(place.part(part.name, "parquet"))


def test_stopped_while_masks_are_learned_it_ends_with_the_same_numbers(tmp_path: Path) -> None:
    settings = replace(SMOKE, mask_steps=60, strength=1e-3)
    (part,) = MODULARITY_ADD_MUL.parts(settings)
    assert isinstance(part, MaskedPart)
    whole = carried_out(tmp_path / "whole", part)
    stopped = carried_out(tmp_path / "stopped", part, settings.steps + 1)
    assert whole.equals(stopped)
    assert whole.filter(unit="¬control")["kept"].unique().to_list() == [
        16 * (42 + 16 + 20) - whole.filter(unit="control")["kept"][0]
    ]


@pytest.mark.parametrize(("mul_kept", "holds"), [(300, True), (120, False)])
def test_ratio_of_kept_weights_is_judged(mul_kept: int, holds: bool) -> None:
    kept = {"control": 320, "add": 100, "mul": mul_kept}
    results = pl.DataFrame(
        {
            "unit": mask,
            "operation": operation,
            "seed": seed,
            "accuracy": 1.0 if mask in ("control", operation) else 0.0,
            "kept": count,
            "iou_second": 0.2,
        }
        for seed in range(3)
        for mask, count in kept.items()
        for operation in ("add", "mul")
    )
    claims = {
        each.id: each for each in MODULARITY_ADD_MUL.claims(results, MODULARITY_ADD_MUL.presets["laptop"])
    }
    assert claims.pop("kept/mul-over-add").holds is holds
    assert all(each.holds for each in claims.values())
    assert all(each.holds is None for each in MODULARITY_ADD_MUL.claims(results, SMOKE))


def test_page_shows_what_masks_do_keep_and_share(tmp_path: Path) -> None:
    run(MODULARITY_ADD_MUL, SMOKE, preset="smoke", folder=tmp_path, command="test", display=Silent())
    page = write_page(tmp_path).read_text(encoding="utf-8")
    for title in ("Mask by mask", "Right answers under a mask", "Weights kept", "intersection over union"):
        assert title in page
    shown = pl.read_parquet(tmp_path / "masks.parquet")
    kept = shown.filter(measure="kept", mask="add")
    assert kept.filter(layer="all")["value"][0] == kept.filter(pl.col("layer") != "all")["value"].sum()
    answers = shown.filter(measure="answers", mask="add mask, mul asked")
    assert answers["layer"].to_list() == ["the sum", "the product", "neither"]
    (tmp_path / "masks.parquet").write_bytes(b"no table")
    assert "Mask by mask" not in write_page(tmp_path).read_text(encoding="utf-8")
