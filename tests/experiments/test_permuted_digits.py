"""Permuted digits, one permutation after another: the task, the chain of tasks, and the verdicts."""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from torch import Tensor

from bits import assert_equal
from data_files import refused
from extrapolate._runtime.progress import NullProgress
from extrapolate.experiments import load_run
from extrapolate.experiments.config import REQUIRED
from extrapolate.experiments.masks import modularity_permuted_digits as module
from extrapolate.experiments.masks.modularity_permuted_digits import STARTS, Chain, modularity_permuted_digits
from extrapolate.experiments.options import with_options
from extrapolate.experiments.training import Context, Measured, Trained
from extrapolate.inspect import Mask
from extrapolate.tasks import load_digits
from extrapolate.tasks.permuted_digits import PermutedDigits
from extrapolate.training import History
from made_up import judged
from silent import smoke_run

PRESETS = modularity_permuted_digits.presets
SMALL = {"hidden": (16, 16, 12), "steps": 30}


def test_pixels_are_permuted_with_numpy_and_labels_stay() -> None:
    plain, labels = PermutedDigits(load_digits()).splits()["test"]
    shuffled, same = PermutedDigits(load_digits(), number=3).splits()["test"]
    order = np.random.RandomState(3).permutation(64)
    assert torch.equal(shuffled, plain[:, torch.from_numpy(order)])
    assert torch.equal(labels, same)
    assert plain.shape == (361, 64)
    sampled, _ = PermutedDigits(load_digits()).sample(20_000, torch.tensor([0, 0, 0]))
    assert [float(sampled.mean()), float(sampled.std())] == pytest.approx([0, 1], abs=0.01)


def test_networks_of_a_chain_share_all_but_their_first_layer() -> None:
    chain = Chain(64, (16, 12), 3)
    one, other = chain.of(0), chain.of(2)
    assert one[0] is not other[0]
    assert all(one[index] is other[index] for index in range(1, len(one)))
    x = torch.randn(5, 64)
    assert torch.equal(chain(x), other(x))


def test_weights_that_no_mask_keeps_are_initialized_as_published() -> None:
    network = Chain(64, (200, 200), 1).of(0)
    before = deepcopy(network.state_dict())
    kept = Mask({name: torch.rand(before[name].shape) > 0.5 for name in ("2.weight", "2.bias")})
    module.initialize_unkept(network, kept, seed=0, task=1)
    after = deepcopy(network.state_dict())
    assert torch.equal(after["2.weight"][kept["2.weight"]], before["2.weight"][kept["2.weight"]])
    fresh = after["2.weight"][~kept["2.weight"]]
    assert float(fresh.std()) == pytest.approx(2**0.5 * (2 / 400) ** 0.5, rel=0.05)
    assert float(after["4.weight"].std()) == pytest.approx((2 / 210) ** 0.5, rel=0.1)
    assert not after["0.bias"].any()
    assert not after["2.bias"][~kept["2.bias"]].any()
    module.initialize_unkept(network, kept, seed=0, task=1)
    assert_equal(network.state_dict(), after)


def test_sharing_is_counted_in_the_matrices_of_all_layers_but_the_first() -> None:
    first, bias = torch.ones(2, 2).bool(), torch.ones(1).bool()
    *masks, last = (
        Mask({"0.weight": first, "0.bias": first[0], "2.weight": torch.tensor([kept]).bool(), "2.bias": bias})
        for kept in ([1, 0, 0, 0], [0, 1, 0, 0], [1, 0, 1, 1])
    )
    old = module.union_of(masks)
    assert old is not None
    kept = {name: value.tolist() for name, value in old.items()}
    assert kept == {"2.weight": [[True, True, False, False]], "2.bias": [True]}
    third = pytest.approx(1 / 3)
    assert module.measure_overlaps(last, masks) == {"share_2": third, "share": third, "old": 0.5}
    assert module.measure_overlaps(last, []) == {"share_2": None, "share": None, "old": None}


def learned(tasks: int, folder: Path) -> tuple[Tensor, Measured]:
    """Learn all tasks; return the weights of the first task's first layer, and the measurement."""
    training = module.train_chain(replace(PRESETS["smoke"], **SMALL, tasks=tasks), "prefer-old", 0)
    replicas = training.replicas()
    context = Context(folder / str(tasks), NullProgress())
    found = training.measure(Trained(replicas, History.of(replicas, "loss"), context))
    assert isinstance(found, Measured)
    chain = replicas[0]
    assert isinstance(chain, Chain)
    return chain.firsts.get_parameter("0.weight"), found


def test_later_tasks_leave_earlier_ones_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT_START", 0.2)  # so low that a mask leaves something out after 30 steps
    (first, one), (still, three) = (learned(tasks, tmp_path) for tasks in (1, 3))
    assert torch.equal(first, still)
    assert all(three.rows[column][0] == one.rows[column][0] for column in ("accuracy", "num_kept"))
    assert 0 < three.rows["kept_share"][1] < 1
    assert three.rows["share"][0] is None
    assert 0 <= three.rows["share"][1] <= 1
    lines = three.tables["masks"]
    assert lines["measure"].unique(maintain_order=True).to_list() == ["accuracy", "kept", "share"]
    kept = lines.filter(measure="kept", mask="prefer-old, task 2")
    assert kept["layer"].to_list() == ["layer 1", "layer 2", "layer 3", "layer 4", "all"]
    assert kept["value"][-1] == kept["value"][:-1].sum()


def test_a_run_keeps_the_weights_after_the_last_task(tmp_path: Path) -> None:
    smoke_run("modularity-permuted-digits", tmp_path, **SMALL)
    model = load_run(tmp_path).model(model="neutral", task="task 2", seed=0)  # a warning is an error
    with torch.no_grad():
        assert model(torch.zeros(1, 64)).shape == (1, 10)


def made_up(gain: float, accuracy: float) -> pl.DataFrame:
    """Results in which favouring old weights adds ``gain`` to their share, and 0.02 per seed."""
    return pl.DataFrame(
        {
            "model": start,
            "task": f"task {task}",
            "task_number": task,
            "seed": seed,
            "accuracy": accuracy,
            "old": 0.3,
            "share": None if task == 1 else 0.5 + 0.01 * seed * index + gain * index / 2,
        }
        for index, start in enumerate(STARTS)
        for task in range(1, 12)
        for seed in range(3)
    )


@pytest.mark.parametrize(("gain", "accuracy", "holds"), [(0.3, 0.97, True), (-0.3, 0.8, False)])
def test_sharing_is_judged_seed_by_seed_and_so_are_solved_tasks(gain: float, accuracy: float, holds: bool) -> None:
    claims = judged(modularity_permuted_digits, made_up(gain, accuracy))
    sharing = claims.pop("prefer-old-strongly/more-sharing")
    assert (sharing.holds, sharing.n) == (holds, 3)
    assert sharing.measured == pytest.approx(gain + 0.02)
    assert {id: claim.holds for id, claim in claims.items()} == {f"{start}/solved": holds for start in STARTS}


def test_starts_without_results_are_left_out_and_the_summary_has_the_shares() -> None:
    one = made_up(0.3, 0.97).filter(model="neutral")
    assert list(judged(modularity_permuted_digits, one)) == ["neutral/solved"]
    summary = modularity_permuted_digits.summary(one.with_columns(split=pl.lit("test"), kept_share=0.5))
    last = summary.filter(task="task 10")
    assert last["measure"].to_list() == ["accuracy", "kept_share", "share", "old"]
    assert last.filter(measure="share")["estimate"][0] == pytest.approx(0.5)


def test_paper_needs_its_images_and_batch_must_be_a_multiple_of_the_masks() -> None:
    refused(lambda: with_options(PRESETS["laptop"], {"batch": "12"}), "12 does not divide into 8 equal parts")
    assert PRESETS["paper"].data == REQUIRED
    paper = module.train_chain(PRESETS["paper"], "neutral", 0)
    refused(paper.build, "give --data DIR with MNIST's four files")
