"""Digits in sequences: where the images come from, the rules, and how the published finding is judged."""

import gzip
import struct
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from torch.nn import functional as F

from extrapolate import nn
from extrapolate.errors import UserError
from extrapolate.experiments import Claim, experiment_named, run, with_options
from extrapolate.experiments.digits_sequence.models import (
    KINDS,
    REFERENCE,
    Accumulator,
    LinearAccumulator,
    Reader,
)
from extrapolate.experiments.digits_sequence.part import GREATEST
from extrapolate.experiments.digits_sequence.reference import with_solved
from extrapolate.experiments.eye import Eye
from extrapolate.report import write_page
from extrapolate.tasks import DIGIT_RULES, DigitRule, DigitSet, load_digits
from extrapolate.training.loop import run_training
from resuming import assert_resumes_alike
from silent import Silent

EXPERIMENT = experiment_named("digits-sequence")
SMOKE, LAPTOP = EXPERIMENT.presets["smoke"], EXPERIMENT.presets["laptop"]


def idx(path: Path, kind: int, values: np.ndarray) -> None:
    header = struct.pack(f">{1 + values.ndim}i", kind, *values.shape)
    path.write_bytes(gzip.compress(header + values.astype(np.uint8).tobytes()))


def mnist(folder: Path, name: str, count: int, size: int = 28) -> None:
    rng = np.random.default_rng(count)
    idx(folder / f"{name}-images-idx3-ubyte.gz", 2051, rng.integers(0, 256, (count, size, size)))
    idx(folder / f"{name}-labels-idx1-ubyte.gz", 2049, rng.integers(0, 10, count))


# ---------------------------------------------------------------------------------------------- the images


def rows(digits: DigitSet) -> set[bytes]:
    return {image.numpy().tobytes() for image in digits.images}


def test_embedded_digits_are_split_once_and_for_all() -> None:
    digits, again = load_digits(), load_digits()
    assert [len(part) for part in (digits.training, digits.validation, digits.test)] == [1257, 179, 361]
    assert digits.training.images.shape == (1257, 1, 8, 8)
    assert (digits.training.images.min(), digits.training.images.max()) == (0, 1)
    assert torch.equal(digits.test.images, again.test.images)
    assert not rows(digits.training) & rows(digits.test)


def test_one_pair_of_mnist_files_is_split_and_two_keep_the_official_test(tmp_path: Path) -> None:
    mnist(tmp_path, "t10k", 50)
    alone = load_digits(tmp_path)
    assert [len(part) for part in (alone.training, alone.validation, alone.test)] == [35, 5, 10]
    mnist(tmp_path, "train", 100)
    both = load_digits(tmp_path)
    assert [len(part) for part in (both.training, both.validation, both.test)] == [90, 10, 50]
    assert both.test.images.shape == (50, 1, 28, 28)


def test_unpacked_files_are_read_too(tmp_path: Path) -> None:
    mnist(tmp_path, "t10k", 50)
    for packed in list(tmp_path.iterdir()):
        packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
        packed.unlink()
    assert len(load_digits(tmp_path).training) == 35


def test_folder_without_the_files_names_them_and_where_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"t10k-images-idx3-ubyte\.gz.*https://"):
        load_digits(tmp_path)


def test_images_of_another_size_are_refused(tmp_path: Path) -> None:
    mnist(tmp_path, "t10k", 50, size=32)
    with pytest.raises(UserError, match="32 × 32 pixels instead of 28 × 28"):
        load_digits(tmp_path)


def test_damaged_and_foreign_files_are_refused(tmp_path: Path) -> None:
    mnist(tmp_path, "t10k", 50)
    path = tmp_path / "t10k-images-idx3-ubyte.gz"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="damaged"):
        load_digits(tmp_path)
    idx(path, 2052, np.zeros((2, 2, 2, 2)))
    with pytest.raises(UserError, match="is not MNIST's"):
        load_digits(tmp_path)
    mnist(tmp_path, "t10k", 50)
    idx(tmp_path / "t10k-labels-idx1-ubyte.gz", 2049, np.zeros(49))
    with pytest.raises(UserError, match="not the labels"):
        load_digits(tmp_path)


def test_folder_that_is_not_there_is_refused_by_the_option() -> None:
    with pytest.raises(UserError, match="--data: nowhere: no such folder"):
        with_options(SMOKE, {"data": "nowhere"})


# ------------------------------------------------------------------------------------- the rules, the eye


def test_answers_after_each_image() -> None:
    labels = torch.tensor([3, 1, 3])
    counts = torch.zeros(3, 10)
    counts[:, 3], counts[:, 1] = torch.tensor([1.0, 1.0, 2.0]), torch.tensor([0.0, 1.0, 1.0])
    assert torch.equal(DIGIT_RULES["count"].answers(labels), counts)
    assert DIGIT_RULES["sum"].answers(labels).tolist() == [[3], [4], [7]]
    assert DIGIT_RULES["product"].answers(labels).tolist() == [[3], [3], [9]]


@pytest.mark.parametrize("rule", DIGIT_RULES.values(), ids=list(DIGIT_RULES))
def test_sequences_are_drawn_from_the_allowed_digits(rule: DigitRule) -> None:
    digits = rule.allowed(load_digits().test)
    assert int(digits.labels.min()) == rule.lowest
    chosen = rule.draw(50, rule.tested[-1], len(digits), torch.Generator().manual_seed(0))
    answers = rule.answers(digits.labels[chosen])
    assert chosen.shape == (rule.tested[-1], 50)
    assert answers.shape == (rule.tested[-1], 50, rule.outputs)
    assert answers.isfinite().all()
    assert (answers.diff(dim=0) >= 0).all()


@pytest.mark.parametrize("size", [8, 28])
def test_eye_computes_the_convolutions_it_stands_for(size: int) -> None:
    eye, images = Eye(size, 10), torch.rand(2, 3, 1, size, size)

    def kernel(weight: torch.Tensor) -> torch.Tensor:
        return weight.unflatten(1, (3, 3, -1)).permute(0, 3, 1, 2)

    x = images.flatten(0, 1)
    x = torch.relu(F.conv2d(x, kernel(eye.first.weight), eye.first.bias, stride=2, padding=1))
    x = torch.relu(F.conv2d(x, kernel(eye.second.weight), eye.second.bias, stride=2, padding=1))
    expected = eye.last(x.permute(0, 2, 3, 1).flatten(1)).unflatten(0, (2, 3))
    torch.testing.assert_close(eye(images), expected)


# ---------------------------------------------------------------------------------------------- the models


def exact(unit: torch.nn.Module, size: int) -> torch.nn.Module:
    """``unit`` with a weight of 1 on the answer so far and on the feature of each of its ``size`` outputs."""
    with torch.no_grad():
        unit.get_parameter("weight").copy_(torch.cat([torch.eye(size), torch.eye(size)], -1))
    return unit


@pytest.mark.parametrize(
    ("kind", "unit", "task"),
    [
        (Accumulator, nn.NAU, "count"),
        (LinearAccumulator, nn.NAU, "count"),
        (LinearAccumulator, nn.NAU, "sum"),
        (Accumulator, nn.NMU, "product"),
    ],
)
def test_unit_with_exact_weights_accumulates_as_the_rule_asks(
    kind: type[Accumulator], unit: type[torch.nn.Module], task: str
) -> None:
    rule, labels = DIGIT_RULES[task], torch.randint(1, 10, (6, 4))
    accumulator, perfect = kind(unit, rule.outputs, rule.start), KINDS[REFERENCE].memory(rule)
    exact(accumulator.unit, rule.outputs)
    features = F.one_hot(labels, 10).float() if task == "count" else labels[..., None].float()
    torch.testing.assert_close(accumulator(features), rule.answers(labels))
    torch.testing.assert_close(perfect(features), rule.answers(labels))
    if rule.outputs == 1:
        assert accumulator.unused(features, accumulator(features)) == 0


def test_weight_made_once_gives_the_same_answers() -> None:
    once, every_time = LinearAccumulator(nn.NAC, 10, 0.0), Accumulator(nn.NAC, 10, 0.0)
    every_time.load_state_dict(once.state_dict())
    features = torch.randn(6, 4, 10)
    torch.testing.assert_close(once(features), every_time(features))


def test_unused_inputs_are_drawn_to_the_start() -> None:
    accumulator = KINDS["NMU"].memory(DIGIT_RULES["product"])
    assert isinstance(accumulator, Accumulator)
    with torch.no_grad():
        accumulator.unit.get_parameter("weight").copy_(torch.tensor([[1.0, 0.25]]))
    features = torch.tensor([[[2.0], [4.0]], [[6.0], [8.0]]])
    expected = (0 + 0.75 * (1 - 5) ** 2) / 2
    assert accumulator.unused(features, accumulator(features)).item() == pytest.approx(expected)


@pytest.mark.parametrize(("name", "task"), [(n, t) for n, kind in KINDS.items() for t in kind.rules])
def test_every_model_answers_after_each_image(name: str, task: str) -> None:
    rule = DIGIT_RULES[task]
    reader = Reader(8, KINDS[name].memory(rule))
    assert reader(torch.rand(3, 2, 1, 8, 8)).shape == (3, 2, rule.outputs)


def test_unit_without_a_task_it_can_learn_is_refused() -> None:
    with pytest.raises(UserError, match="--models: NMU can learn product alone"):
        EXPERIMENT.parts(replace(SMOKE, models=("NMU",), tasks=("sum",)))


# ---------------------------------------------------------------------------------------------- the claims


def judged(errors: Mapping[str, Sequence[float]], settings: object = LAPTOP) -> dict[str, Claim]:
    """Of models whose error on 1,000 images is ``errors[model][seed]``."""
    lengths = (1, 2, 5, 10, 20, 100, 1000)
    table = pl.DataFrame(
        [
            {
                "unit": unit,
                "operation": "adding digits",
                "range": "10 to 1,000 images",
                "seed": seed,
                "length": 1000,
                **{f"error_{n}": error if n in (1, 10, 100, 1000) else None for n in lengths},
                **{f"squared_error_{n}": error**2 if n in (1, 10, 100, 1000) else None for n in lengths},
            }
            for unit, own in errors.items()
            for seed, error in enumerate(own)
        ]
    )
    return {claim.id: claim for claim in EXPERIMENT.claims(table, settings)}


def test_accumulator_must_be_ten_times_closer() -> None:
    id, lstm = "NAC/adding digits/closer-than-LSTM", [4000.0, 4100.0, 4050.0]
    clear = judged({"LSTM": lstm, "NAC": [40.0, 41.0, 45.0]})[id]
    assert clear.holds is True
    assert clear.measured == pytest.approx(2, abs=0.05)
    assert f"{LAPTOP.steps:,} of 100,000 steps" in str(clear.why)
    assert judged({"LSTM": lstm, "NAC": [500.0, 510.0, 490.0]})[id].holds is False
    assert judged({"LSTM": lstm, "NAC": [4.0, 4000.0, 40.0]})[id].holds is False
    lost = judged({"LSTM": lstm, "NAC": [40.0, GREATEST, 45.0]})[id]
    assert lost.holds is False
    assert str(lost.why).startswith("1 of 3 models overflow")


def test_most_models_must_be_as_close_as_the_reference() -> None:
    id, reference = "NAU/adding digits/as-close-as-reference", [40.0, 50.0, 60.0, 50.0, 55.0]
    close = judged({"reference": reference, "NAU": [45.0, 50.0, 40.0, 51.0, 48.0]})[id]
    assert (close.holds, close.measured) == (True, 1)
    far = judged({"reference": reference, "NAU": [45.0, 50.0, 400.0, 51.0, 480.0]})[id]
    assert (far.holds, far.measured) == (False, 0.6)
    unknown = judged({"reference": [50.0], "NAU": [45.0, 50.0]})[id]
    assert (unknown.holds, unknown.n) == (None, 0)


def test_bound_of_the_reference_is_the_published_one() -> None:
    errors = [40.0, 50.0, 60.0]
    table = pl.DataFrame(
        {
            "unit": ["reference"] * 3 + ["NAU"] * 2,
            "operation": ["adding digits"] * 5,
            "length": [10] * 5,
            # the mean and 6.965 standard errors, the 99th percentile of Student's t with 2 degrees of freedom
            "squared_error_10": [*errors, 50 + 6.964 * 10 / 3**0.5, 50 + 6.966 * 10 / 3**0.5],
        }
    )
    assert with_solved(table)["solved"].to_list() == [True, True, True, True, False]


def test_too_short_a_training_is_not_judged() -> None:
    errors = {"LSTM": [4000.0, 4100.0], "NAC": [40.0, 41.0]}
    claim = judged(errors, replace(LAPTOP, steps=10))["NAC/adding digits/closer-than-LSTM"]
    assert claim.holds is None
    assert str(claim.why).startswith("not judged")


# --------------------------------------------------------------------------------------- from start to page


def test_smoke_preset_goes_from_start_to_page(tmp_path: Path) -> None:
    outcome = run(EXPERIMENT, SMOKE, preset="smoke", folder=tmp_path, command="test", display=Silent())
    assert outcome.results.height == 12
    assert outcome.results["error_10"].is_finite().all()
    assert "multiplying digits" in write_page(tmp_path).read_text()


def test_network_that_diverges_ends_with_finite_errors() -> None:
    part = EXPERIMENT.parts(replace(SMOKE, models=("NALU",), tasks=("sum",)))[-1]
    replicas = part.replicas()
    history = run_training(replicas, part.plan(replicas))
    for value in replicas.parameters.values():
        value.fill_(torch.nan)
    rows = part.rows(replicas, history)
    assert rows["error_10"].to_list() == [GREATEST] * 2


def test_interrupted_training_goes_on_to_the_same_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = EXPERIMENT.parts(replace(SMOKE, models=("StochasticNMU",), tasks=("product",)))[-1]
    assert_resumes_alike(part, 3, tmp_path, monkeypatch)


def test_mnist_can_be_used_instead(tmp_path: Path) -> None:
    mnist(tmp_path, "t10k", 60)
    settings = replace(SMOKE, data=str(tmp_path), models=("NAC",), tasks=("count",), seeds=1, steps=1)
    folder = tmp_path / "run"
    outcome = run(EXPERIMENT, settings, preset="smoke", folder=folder, command="test", display=Silent())
    assert outcome.results["error_1"].is_finite().all()
