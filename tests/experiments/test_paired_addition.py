"""Two additions in one network: the task, the copied weights, and the verdict on reuse."""

from copy import deepcopy
from typing import Any

import polars as pl
import pytest
import torch

from bits import assert_equal
from extrapolate.experiments.masks._dense import build_dense
from extrapolate.experiments.masks.modularity_double_addition import (
    copy_weights,
    mask_specs,
    modularity_double_addition,
    views,
)
from extrapolate.inspect import Mask
from extrapolate.tasks.paired_addition import PAIRS, PairedAddition
from made_up import judged

PRESETS = modularity_double_addition.presets
TASK = PairedAddition()


def test_each_pair_has_its_own_inputs_and_outputs() -> None:
    x, answer = TASK.encode(torch.tensor([47, 47]), torch.tensor([68, 68]), torch.tensor([0, 1]))
    assert x[0].nonzero()[:, 0].tolist() == [7, 10 + 4, 20 + 8, 30 + 6]
    assert x[1].nonzero()[:, 0].tolist() == [40 + 7, 50 + 4, 60 + 8, 70 + 6]
    assert answer.tolist() == [[0, 5, 1], [1, 5, 1]]
    logits = torch.zeros(2, 40)
    logits[0, 5] = logits[0, 10 + 1] = logits[1, 20 + 5] = logits[1, 30 + 1] = 1
    assert TASK.right(logits, answer).tolist() == [True, True]
    assert TASK.right(logits.flip(0), answer).tolist() == [False, False]


def test_table_holds_every_sum_and_samples_have_only_the_requested_pairs() -> None:
    x, answer = TASK.table("pair 2")
    assert len(x.unique(dim=0)) == 10_000
    assert not x[:, TASK.inputs_of("pair 1")].any()
    logits = torch.zeros(10_000, TASK.out_features)
    logits[:, TASK.outputs_of("pair 2")] = torch.nn.functional.one_hot(answer[:, 1:], 10).flatten(1).float()
    assert TASK.right(logits, answer).all()
    x, answer = TASK.sample_pairs(torch.rand(3, 64), ("pair 1",))
    assert not answer[:, 0].any()
    assert not x[:, TASK.inputs_of("pair 2")].any()


def test_copied_weights_compute_both_pairs_alike() -> None:
    torch.manual_seed(0)
    network = build_dense(PRESETS["smoke"], TASK)
    before = deepcopy(network.state_dict())
    both = copy_weights(network)
    one, other = (both(TASK.table(pair)[0])[:, TASK.outputs_of(pair)] for pair in PAIRS)
    assert torch.equal(one, other)
    assert torch.equal(other, network(TASK.table("pair 2")[0])[:, TASK.outputs_of("pair 2")])
    assert_equal(network.state_dict(), before)


def test_inverse_inside_has_the_first_and_last_layer_of_the_control_mask() -> None:
    torch.manual_seed(0)
    network = build_dense(PRESETS["smoke"], TASK)
    weights = [(name, value) for name, value in network.named_parameters() if "w" in name]
    masks = {
        spec.name: Mask({name: torch.rand_like(value) < 0.5 for name, value in weights}) for spec in mask_specs()
    }
    found: Any = {view.name: view.mask for view in views(network, masks)}
    inside, control = found["¬pair 1, inside"], masks["control"]
    first, *middle, last = control
    assert all(torch.equal(inside[name], control[name]) for name in (first, last))
    assert all(torch.equal(inside[name], ~masks["pair 1"][name]) for name in middle)


@pytest.mark.parametrize(("survives", "copied_breaks"), [(True, True), (False, True), (True, False)])
def test_reuse_is_judged(survives: bool, copied_breaks: bool) -> None:
    def accuracy(unit: str, pair: str) -> float:
        if "¬" not in unit:
            return 1.0
        own = f"¬{pair}" in unit
        return 0.0 if own or (copied_breaks if unit.startswith("copied") else not survives) else 0.99

    rows = [
        (start + unit, pair, seed, accuracy(start + unit, pair), 0.1, 0.7)
        for seed in range(2)
        for start in ("", "copied, ")
        for unit in ("unmasked", "control", *PAIRS, *(f"¬{pair}, inside" for pair in PAIRS))
        for pair in PAIRS
    ]
    columns = ["model", "task", "seed", "accuracy", "iou_hidden", "copied_iou_hidden"]
    found = judged(modularity_double_addition, pl.DataFrame(rows, columns, orient="row"))
    assert found.pop("trained/other").holds is survives
    assert found.pop("copied/other").holds is copied_breaks
    assert all(each.holds for each in found.values())
