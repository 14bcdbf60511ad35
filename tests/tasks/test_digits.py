"""Images of digits: scikit-learn's set, MNIST's files, the option that chooses between them, the encoder."""

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from data_files import refused
from extrapolate._runtime.errors import UserError
from extrapolate.experiments import Experiment
from extrapolate.experiments.digits.digits_parity import digits_parity
from extrapolate.experiments.digits.digits_product import digits_product
from extrapolate.experiments.digits.digits_sequence import digits_sequence
from extrapolate.experiments.options import with_options
from extrapolate.nn import ConvEncoder
from extrapolate.tasks import DigitSet, flip_and_shift, load_digits
from silent import smoke_run

IMAGES, LABELS = "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"


def idx(kind: int, values: np.ndarray) -> bytes:
    """An array in MNIST's format."""
    return struct.pack(f">{1 + values.ndim}i", kind, *values.shape) + values.astype(np.uint8).tobytes()


def write_mnist(folder: Path, name: str = "t10k", count: int = 50) -> None:
    rng = np.random.default_rng(count)
    images, labels = rng.integers(0, 256, (count, 28, 28)), rng.integers(0, 10, count)
    (folder / f"{name}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(2051, images)))
    (folder / f"{name}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(2049, labels)))


def unpack(folder: Path) -> None:
    for packed in list(folder.iterdir()):
        packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
        packed.unlink()


def rows(digits: DigitSet) -> set[bytes]:
    return {image.numpy().tobytes() for image in digits.images}


def test_embedded_digits_are_split_in_the_same_way_at_every_call() -> None:
    digits, again = load_digits(), load_digits()
    assert [len(part) for part in (digits.training, digits.validation, digits.test)] == [1257, 179, 361]
    assert digits.training.images.shape == (1257, 1, 8, 8)
    assert (digits.training.images.min(), digits.training.images.max()) == (0, 1)
    assert torch.equal(digits.test.images, again.test.images)
    assert not rows(digits.training) & rows(digits.test)


def test_one_pair_of_mnist_files_is_split_and_two_pairs_have_the_official_test(tmp_path: Path) -> None:
    write_mnist(tmp_path, "t10k", 50)
    alone = load_digits(tmp_path)
    assert [len(part) for part in (alone.training, alone.validation, alone.test)] == [35, 5, 10]
    write_mnist(tmp_path, "train", 100)
    both = load_digits(tmp_path)
    assert [len(part) for part in (both.training, both.validation, both.test)] == [90, 10, 50]


def test_pixels_and_labels_are_read_from_files_gzipped_or_not(tmp_path: Path) -> None:
    write_mnist(tmp_path, "train", 20)
    write_mnist(tmp_path, "t10k", 30)
    packed = load_digits(tmp_path).test
    unpack(tmp_path)
    content = (tmp_path / IMAGES).with_suffix("").read_bytes()
    pixels = np.frombuffer(content[16:], np.uint8).reshape(30, 1, 28, 28)
    torch.testing.assert_close(packed.images, torch.tensor(pixels / 255, dtype=torch.float32))
    assert packed.labels.tolist() == list((tmp_path / LABELS).with_suffix("").read_bytes()[8:])
    unpacked = load_digits(tmp_path).test
    assert torch.equal(unpacked.images, packed.images)
    assert torch.equal(unpacked.labels, packed.labels)


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "cut within the header": lambda content: content[:6],
    "cut in half": lambda content: content[: len(content) // 2],
    "cut at the end": lambda content: content[:-1],
    "other bytes": lambda content: content[:10] + b"\xff" * 50,
    "no idx file": lambda content: b"<html>not found</html>",
}


@pytest.mark.parametrize("name", [IMAGES, LABELS])
@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_files_raise_a_one_line_error(damage: str, packed: bool, name: str, tmp_path: Path) -> None:
    write_mnist(tmp_path, count=2000)
    path = tmp_path / name
    if not packed:
        unpack(tmp_path)
        path = path.with_suffix("")
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    with pytest.raises(UserError, match=rf"{path.name} is (damaged|not MNIST's)[^\n]*download it again$"):
        load_digits(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (IMAGES, idx(2052, np.zeros((2, 2, 2, 2))), "is not MNIST's"),
        (IMAGES, idx(2051, np.zeros((50, 32, 32))), "32 × 32 pixels instead of 28 × 28"),
        (LABELS, idx(2049, np.zeros(49)), "does not match"),
        (LABELS, idx(2049, np.full(50, 10)), "does not match"),
        (LABELS, None, f"has t10k-images-idx3-ubyte but lacks {LABELS}"),
    ],
)
def test_wrong_and_missing_files_raise_an_error(
    name: str, content: bytes | None, message: str, tmp_path: Path
) -> None:
    refused(lambda: load_digits(tmp_path), r"t10k-images-idx3-ubyte\.gz.*https://")
    write_mnist(tmp_path)
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_bytes(gzip.compress(content))
    refused(lambda: load_digits(tmp_path), message)


@pytest.mark.parametrize("experiment", [digits_parity, digits_product, digits_sequence], ids=lambda e: e.name)
def test_paper_preset_without_mnist_raises_a_one_line_error(experiment: Experiment) -> None:
    message = r"give --data DIR with MNIST's four files$"
    refused(lambda: experiment.jobs(experiment.presets["paper"]), message)


def test_built_in_digits_differ_from_the_paper_and_a_data_folder_does_not(tmp_path: Path) -> None:
    laptop, paper = digits_parity.presets["laptop"], digits_parity.presets["paper"]
    assert laptop.cuts(paper)["data"] == "scikit-learn instead of MNIST"
    assert "data" not in with_options(laptop, {"data": str(tmp_path)}).cuts(paper)


def test_experiment_trains_on_mnist(tmp_path: Path) -> None:
    write_mnist(tmp_path, count=60)
    own = {"data": str(tmp_path), "models": ("NAC",), "tasks": ("count",), "seeds": 1, "steps": 1}
    outcome = smoke_run("digits-sequence", tmp_path / "run", **own)
    assert outcome.results["error_1"].is_finite().all()


@pytest.mark.parametrize("size", [8, 28])
def test_encoder_computes_strided_convolutions(size: int) -> None:
    encoder, images = ConvEncoder(size, 10), torch.rand(2, 3, 1, size, size)
    x = images.flatten(0, 1)
    for layer in (encoder.first, encoder.second):
        kernel = layer.weight.unflatten(1, (3, 3, -1)).permute(0, 3, 1, 2)
        x = torch.relu(F.conv2d(x, kernel, layer.bias, stride=2, padding=1))
    expected = encoder.last(x.permute(0, 2, 3, 1).flatten(1)).unflatten(0, (2, 3))
    torch.testing.assert_close(encoder(images), expected)


def test_images_are_mirrored_and_shifted_with_zero_padding() -> None:
    images = torch.rand(2, 3, 8, 8)
    upright, mirrored, moved = torch.full((3, 3, 2), 0.5).unbind()
    upright[0], mirrored[0], moved[1] = 0.1, 0.9, 0.0
    assert torch.equal(flip_and_shift(images, upright), images)
    assert torch.equal(flip_and_shift(images, mirrored), images.flip(-1))
    found = flip_and_shift(images, moved)
    assert not found[:, :, :4].any()
    assert torch.equal(found[:, :, 4:], images.flip(-1)[:, :, :4])
