"""Masks over addition and multiplication: the task, the rows and lines of the masks, the verdicts on findings."""

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
import torch

from extrapolate.experiments.masks.modularity_add_mul import modularity_add_mul
from extrapolate.report import write_page
from extrapolate.tasks.modular_arithmetic import ModularArithmetic
from made_up import judged
from silent import smoke_run


def test_digits_least_significant_first_modulo_one_hundred() -> None:
    task = ModularArithmetic()
    x, answer = task.encode(torch.tensor([47, 47]), torch.tensor([68, 68]), torch.tensor([0, 1]))
    assert answer.tolist() == [[5, 1], [6, 9]]
    assert x[0].nonzero()[:, 0].tolist() == [7, 10 + 4, 20 + 8, 30 + 6, 40]
    assert x[1].nonzero()[:, 0].tolist() == [7, 10 + 4, 20 + 8, 30 + 6, 41]


def test_table_holds_every_pair() -> None:
    task = ModularArithmetic()
    x, answer = task.table("mul")
    assert x.shape == (10_000, 42)
    assert len(x.unique(dim=0)) == 10_000
    logits = torch.nn.functional.one_hot(answer, 10).flatten(1).float()
    assert task.right(logits, answer).all()


def test_examples_follow_from_their_random_numbers() -> None:
    task = ModularArithmetic()
    u = torch.tensor([[0.475, 0.475], [0.685, 0.685], [0.3, 0.8]])
    for operations, choice in ((("add", "mul"), [0, 1]), (("mul", "add"), [1, 0]), (("mul",), [1, 1])):
        expected = task.encode(torch.tensor([47, 47]), torch.tensor([68, 68]), torch.tensor(choice))
        for found, correct in zip(task.sample_pairs(u, operations), expected, strict=True):
            assert torch.equal(found, correct)


@pytest.mark.parametrize(("mul_kept", "holds"), [(300, True), (120, False)])
def test_ratio_of_kept_weights_is_judged(mul_kept: int, holds: bool) -> None:
    kept = {"control": 320, "add": 100, "mul": mul_kept}
    rows = [
        (mask, operation, seed, float(mask in ("control", operation)), count, 0.2)
        for seed in range(3)
        for mask, count in kept.items()
        for operation in ("add", "mul")
    ]
    columns = ["model", "task", "seed", "accuracy", "num_kept", "iou_second"]
    results = pl.DataFrame(rows, columns, orient="row")
    claims = judged(modularity_add_mul, results)
    assert claims.pop("kept/mul-over-add").holds is holds
    assert all(each.holds for each in claims.values())
    laptop = modularity_add_mul.presets["laptop"]
    wider, narrower = (
        judged(modularity_add_mul, results, replace(laptop, hidden=(400, 400, last))).values() for last in (400, 100)
    )
    assert all(each.holds is not None for each in wider)
    assert all(each.holds is None for each in narrower)
    assert "sizes of the hidden layers 400-400-100 instead of" in str(next(iter(narrower)).why)


def test_tables_and_page_show_what_masks_keep_and_share(tmp_path: Path) -> None:
    rows = smoke_run("modularity-add-mul", tmp_path, mask_steps=240, strength=1e-2).results
    kept = {unit: rows.filter(model=unit)["num_kept"][0] for unit in ("control", "¬control", "add")}
    assert 0 < kept["control"] < 16 * (42 + 16 + 20)
    assert kept["control"] + kept["¬control"] == 16 * (42 + 16 + 20), "biases are not masked"
    lines = pl.read_parquet(tmp_path / "masks.parquet")
    kept_lines = lines.filter(measure="kept", mask="add")
    by_layer = kept_lines.filter(pl.col("layer") != "all")["value"]
    assert kept_lines.filter(layer="all")["value"][0] == by_layer.sum() == kept["add"]
    answers = lines.filter(measure="answers", mask="add mask, inputs of mul")
    assert answers["layer"].to_list() == ["the sum", "the product", "neither"]
    page = write_page(tmp_path).read_text(encoding="utf-8")
    for title in ("Mask by mask", "Accuracy under a mask", "Weights kept", "intersection over union"):
        assert title in page
    (tmp_path / "masks.parquet").write_bytes(b"no table")
    assert "Mask by mask" not in write_page(tmp_path).read_text(encoding="utf-8")
