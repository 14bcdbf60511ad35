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

from extrapolate.errors import UserError
from extrapolate.experiments import Claim, experiment_named, run, with_options
from extrapolate.experiments.eye import Eye
from extrapolate.report import write_page
from extrapolate.tasks import DIGIT_SEQUENCES, DigitSet, load_digits
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


def test_counting_and_adding() -> None:
    labels = torch.tensor([[3, 1, 3]])
    assert DIGIT_SEQUENCES["count"].answer(labels).tolist() == [[0, 1, 0, 2, 0, 0, 0, 0, 0, 0]]
    assert DIGIT_SEQUENCES["sum"].answer(labels).tolist() == [[7]]
    assert DIGIT_SEQUENCES["sum"].threshold(1000) == pytest.approx(450)


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


# ---------------------------------------------------------------------------------------------- the claims


def judged(errors: Mapping[str, Sequence[float]], settings: object = LAPTOP) -> dict[str, Claim]:
    """Of models whose error on 1,000 images is ``errors[model][seed]``."""
    table = pl.DataFrame(
        [
            {
                "unit": unit,
                "operation": "adding digits",
                "range": "10 to 1,000 images",
                "seed": seed,
                "solved": error < 450,
                **{f"error_{length}": error for length in (1, 10, 100, 1000)},
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
    assert "10,000 of 100,000 steps" in str(clear.why)
    assert judged({"LSTM": lstm, "NAC": [500.0, 510.0, 490.0]})[id].holds is False
    assert judged({"LSTM": lstm, "NAC": [4.0, 4000.0, 40.0]})[id].holds is False


def test_too_short_a_training_is_not_judged() -> None:
    errors = {"LSTM": [4000.0, 4100.0], "NAC": [40.0, 41.0]}
    claim = judged(errors, replace(LAPTOP, steps=10))["NAC/adding digits/closer-than-LSTM"]
    assert claim.holds is None
    assert str(claim.why).startswith("not judged")


# --------------------------------------------------------------------------------------- from start to page


def test_smoke_preset_goes_from_start_to_page(tmp_path: Path) -> None:
    outcome = run(EXPERIMENT, SMOKE, preset="smoke", folder=tmp_path, command="test", display=Silent())
    assert outcome.results.height == 4
    assert outcome.results["error_10"].is_finite().all()
    assert "adding digits" in write_page(tmp_path).read_text()


def test_mnist_can_be_used_instead(tmp_path: Path) -> None:
    mnist(tmp_path, "t10k", 60)
    settings = replace(SMOKE, data=str(tmp_path), models=("NAC",), tasks=("count",), seeds=1, steps=1)
    folder = tmp_path / "run"
    outcome = run(EXPERIMENT, settings, preset="smoke", folder=folder, command="test", display=Silent())
    assert outcome.results["error_1"].is_finite().all()
