"""One permutation of the digits' pixels after another: the task, the chain of tasks, and how it is judged."""

import importlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from torch import Tensor

from extrapolate.errors import UserError
from extrapolate.experiments import Claim, with_options
from extrapolate.experiments.carry_out import carry_out
from extrapolate.experiments.folder import RunFolder
from extrapolate.experiments.modularity.permuted_digits.chain import Chain, begin_anew, used
from extrapolate.experiments.modularity.permuted_digits.experiment import MODULARITY_PERMUTED_DIGITS
from extrapolate.experiments.modularity.permuted_digits.part import ChainPart
from extrapolate.experiments.modularity.permuted_digits.settings import STARTS
from extrapolate.experiments.modularity.permuted_digits.sharing import shares
from extrapolate.inspect import Mask
from extrapolate.tasks import load_digits
from extrapolate.tasks.permuted_digits import PermutedDigits
from extrapolate.training.watch import Interrupted, Quiet
from resuming import StopAt

PRESETS = MODULARITY_PERMUTED_DIGITS.presets
SMALL = replace(PRESETS["smoke"], hidden=(16, 16, 12), steps=30)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Logits start so low that a mask leaves something out after 30 steps; a watch is told about every step."""
    monkeypatch.setattr("extrapolate.experiments.modularity.permuted_digits.part.KEPT_START", 0.2)
    monkeypatch.setattr(importlib.import_module("extrapolate.inspect.masks.learn"), "PROGRESS_SECONDS", -1.0)


# The task


def test_pixels_are_shuffled_as_numpy_says_and_answers_stay() -> None:
    task = PermutedDigits(load_digits())
    plain, labels = task.training(0)
    shuffled, same = task.training(3)
    order = np.random.RandomState(3).permutation(64)
    assert torch.equal(shuffled, plain[:, torch.from_numpy(order)])
    assert torch.equal(labels, same)
    assert float(plain.mean()) == pytest.approx(0, abs=1e-5)
    assert float(plain.std()) == pytest.approx(1, abs=1e-5)
    images, _ = task.test(0)
    assert images.shape == (361, 64)


# The chain


def test_networks_of_a_chain_share_all_but_their_first_layer() -> None:
    chain = Chain(64, (16, 12), 3)
    one, other = chain.of(0), chain.of(2)
    assert one[0] is not other[0]
    assert all(one[place] is other[place] for place in range(1, len(one)))
    x = torch.randn(5, 64)
    assert torch.equal(chain(x), other(x))


def test_weights_that_no_mask_keeps_are_drawn_anew_as_published() -> None:
    network = Chain(64, (200, 200), 1).of(0)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    kept = Mask({name: torch.rand(before[name].shape) > 0.5 for name in ("2.weight", "2.bias")})
    begin_anew(network, kept, seed=0, task=1)
    after = network.state_dict()
    assert torch.equal(after["2.weight"][kept["2.weight"]], before["2.weight"][kept["2.weight"]])
    fresh = after["2.weight"][~kept["2.weight"]]
    assert float(fresh.std()) == pytest.approx(2**0.5 * (2 / 400) ** 0.5, rel=0.05)
    assert float(after["4.weight"].std()) == pytest.approx((2 / 210) ** 0.5, rel=0.1)
    assert not after["0.bias"].any()
    assert not after["2.bias"][~kept["2.bias"]].any()
    begin_anew(network, kept, seed=0, task=1)
    assert all(torch.equal(value, after[name]) for name, value in network.state_dict().items())


def test_sharing_is_counted_in_the_matrices_of_all_layers_but_the_first() -> None:
    def mask(first: bool, *second: bool) -> Mask:
        return Mask(
            {
                "0.weight": torch.full((2, 2), first),
                "0.bias": torch.full((2,), first),
                "2.weight": torch.tensor([second]),
                "2.bias": torch.tensor([True]),
            }
        )

    masks = [mask(True, True, False, False, False), mask(True, False, True, False, False)]
    masks.append(mask(True, True, False, True, True))
    old = used(masks[:2])
    assert old is not None
    assert set(old) == {"2.weight", "2.bias"}
    assert old["2.weight"].tolist() == [[True, True, False, False]]
    assert shares(masks, 2) == {"share_2": pytest.approx(1 / 3), "share": pytest.approx(1 / 3), "old": 0.5}
    assert shares(masks, 0) == {"share_2": None, "share": None, "old": None}


def answers(part: ChainPart, folder: Path) -> list[Tensor]:
    """The logits of every task under its own mask, once all are learned."""
    replicas, digits = part.replicas(), PermutedDigits(load_digits())
    folder.mkdir()
    learned = part.go_on(replicas, folder / "later.safetensors", Quiet())
    chain = replicas[0]
    assert isinstance(chain, Chain)
    assert learned.masks is not None
    with torch.no_grad():
        return [mask.applied(chain.of(task))(digits.test(task)[0]) for task, mask in enumerate(learned.masks)]


@pytest.mark.usefixtures("hasty")
def test_later_tasks_leave_the_answers_of_earlier_ones_as_they_are(tmp_path: Path) -> None:
    one, three = (
        answers(ChainPart("prefer-old", 0, replace(SMALL, tasks=tasks)), tmp_path / str(tasks))
        for tasks in (1, 3)
    )
    assert torch.equal(one[0], three[0])
    assert not torch.equal(three[0], three[2])


def carried_out(folder: Path, part: ChainPart, *stops: int) -> pl.DataFrame:
    place = RunFolder(folder)
    (folder / "parts").mkdir(parents=True)
    for stop in stops:
        with pytest.raises(Interrupted):
            carry_out(part, place, lambda replicas, steps, stop=stop: StopAt(stop))
    carry_out(part, place, lambda replicas, steps: Quiet())
    assert not list((folder / "parts").glob("*later*"))
    shown = pl.read_parquet(place.part(part.name, "masks.parquet"))
    assert shown["measure"].unique(maintain_order=True).to_list() == ["accuracy", "kept", "share"]
    kept = shown.filter(measure="kept", mask="prefer-old, task 2")
    assert kept["layer"].to_list() == ["layer 1", "layer 2", "layer 3", "layer 4", "all"]
    assert kept["value"][-1] == kept["value"][:-1].sum()
    return pl.read_parquet(place.part(part.name, "parquet"))


@pytest.mark.usefixtures("hasty")
def test_stopped_within_tasks_it_ends_with_the_same_numbers(tmp_path: Path) -> None:
    part = ChainPart("prefer-old", 0, SMALL)
    whole = carried_out(tmp_path / "whole", part)
    stopped = carried_out(tmp_path / "stopped", part, 10, SMALL.steps + 1)
    assert whole.equals(stopped)
    assert 0 < whole["kept_share"][1] < 1
    assert whole["share"][0] is None
    assert 0 <= whole["share"][1] <= 1


# Judging


SHARES = ("share_2", "share_3", "share_4", "share")


def made_up(gain: float, accuracy: float) -> pl.DataFrame:
    """Results in which favouring old weights adds ``gain`` to their share, and 0.02 a seed."""
    return pl.DataFrame(
        {
            "unit": start,
            "operation": f"task {task}",
            "task": task,
            "seed": seed,
            "accuracy": accuracy,
            "old": 0.3,
            **dict.fromkeys(SHARES, None if task == 1 else 0.5 + 0.01 * seed * place + gain * place / 2),
        }
        for place, start in enumerate(STARTS)
        for task in range(1, 12)
        for seed in range(3)
    )


def judged(gain: float, accuracy: float, preset: str = "laptop") -> dict[str, Claim]:
    found = MODULARITY_PERMUTED_DIGITS.claims(made_up(gain, accuracy), PRESETS[preset])
    return {claim.id: claim for claim in found}


@pytest.mark.parametrize(("gain", "holds"), [(0.3, True), (-0.3, False)])
def test_more_sharing_is_judged_seed_by_seed(gain: float, holds: bool) -> None:
    claim = judged(gain, 0.97)["prefer-old-strongly/more-sharing"]
    assert claim.holds is holds
    assert claim.n == 3
    assert claim.measured == pytest.approx(gain + 0.02)


@pytest.mark.parametrize(("accuracy", "holds"), [(0.97, True), (0.8, False)])
def test_tasks_must_be_solved_in_the_end(accuracy: float, holds: bool) -> None:
    claims = judged(0.3, accuracy)
    assert [claims[f"{start}/solved"].holds for start in STARTS] == [holds] * 3


def test_shares_are_measured_and_smoke_is_not_judged() -> None:
    shown = judged(0.3, 0.97)["neutral/share-layer-3"]
    assert shown.holds is None
    assert shown.measured == pytest.approx(0.5)
    assert "task 10" in shown.claim
    assert all(claim.holds is None for claim in judged(0.3, 0.97, "smoke").values())


def test_parts_that_are_not_there_yet_are_left_out() -> None:
    settings = PRESETS["laptop"]
    one = MODULARITY_PERMUTED_DIGITS.claims(made_up(0.3, 0.97).filter(unit="neutral"), settings)
    assert {claim.id.partition("/")[0] for claim in one} == {"neutral"}


# What cannot be


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("batch", "12", "12 cannot be cut into the parts of 8 masks"),
        ("tasks", "1", "must be at least 2"),
        ("starts", "prefer-new", "unknown start"),
        ("data", "no-such-folder", "no such folder"),
        ("hidden", "100,x", "'x' is not a whole number"),
    ],
)
def test_options_that_mean_nothing(name: str, text: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        with_options(PRESETS["laptop"], {name: text})


def test_a_single_start_is_enough() -> None:
    settings = with_options(PRESETS["laptop"], {"starts": "neutral", "seeds": "2"})
    assert [part.name for part in MODULARITY_PERMUTED_DIGITS.parts(settings)] == [
        "neutral-seed-0",
        "neutral-seed-1",
    ]
    assert "2 networks 100-100-32, 11 tasks" in MODULARITY_PERMUTED_DIGITS.outline(settings)
