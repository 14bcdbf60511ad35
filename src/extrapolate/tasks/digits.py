"""Images of handwritten digits: scikit-learn's built-in set, or MNIST from a folder."""

import gzip
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from extrapolate._runtime.errors import UserError
from extrapolate._runtime.extras import needs_extra

#: MNIST's files (images, labels) as distributed. Decompressed files, without ``.gz``, are read too.
MNIST_FILES = {
    "training": ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
    "test": ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"),
}
MNIST_SIZE = 28
_IMAGES, _LABELS = 2051, 2049

#: Shares of the images for training and validation; the rest is the test set.
SHARES = (0.7, 0.1)


@dataclass(frozen=True)
class DigitSet:
    """Images (N, 1, S, S), float32 in [0, 1], and their labels (N,), int64 from 0 to 9."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def size(self) -> int:
        """S, pixels along one side."""
        return self.images.shape[-1]

    def part(self, index: Tensor) -> "DigitSet":
        return DigitSet(self.images[index], self.labels[index])

    def to(self, device: torch.device | str) -> "DigitSet":
        return DigitSet(self.images.to(device), self.labels.to(device))


@dataclass(frozen=True)
class Digits:
    """Images of digits in three disjoint sets."""

    training: DigitSet
    validation: DigitSet
    test: DigitSet

    def to(self, device: torch.device | str) -> "Digits":
        return Digits(*(each.to(device) for each in (self.training, self.validation, self.test)))


def load_digits(folder: Path | None = None) -> Digits:
    """Return scikit-learn's 1,797 digits (8 × 8 pixels), or the MNIST images (28 × 28) in ``folder``.

    If the folder has MNIST's training and test files, the official test set is used. If it has only one pair of
    files, 20 % of the images become the test set. Every call returns the same sets.

    Raises:
        UserError: a file is missing, damaged or not a file of MNIST.
    """
    if folder is None:
        return _split(_load_embedded())
    found = {name: _mnist(folder, *files) for name, files in MNIST_FILES.items() if _has_pair(folder, files)}
    if not found:
        wanted = ", ".join(name for files in MNIST_FILES.values() for name in files)
        raise UserError(
            f"{folder} lacks MNIST's files ({wanted}; one pair of images and labels is enough): download them from "
            "https://ossci-datasets.s3.amazonaws.com/mnist/, or use scikit-learn's digits"
        )
    if len(found) == 1:
        return _split(next(iter(found.values())))
    training = found["training"]
    order = torch.randperm(len(training), generator=torch.Generator().manual_seed(0))
    count = len(training) - int(len(training) * SHARES[1])
    return Digits(training.part(order[:count]), training.part(order[count:]), found["test"])


def _load_embedded() -> DigitSet:
    with needs_extra("experiments", "load_digits()"):
        from sklearn.datasets import load_digits as embedded  # a slow import

    pixels, labels = embedded(return_X_y=True)
    images = torch.tensor(np.asarray(pixels), dtype=torch.float32).view(-1, 1, 8, 8) / 16
    return DigitSet(images, torch.tensor(np.asarray(labels), dtype=torch.int64))


def _split(digits: DigitSet) -> Digits:
    order = torch.randperm(len(digits), generator=torch.Generator().manual_seed(0))
    first, second = (int(len(digits) * share) for share in SHARES)
    pieces = order.split((first, second, len(digits) - first - second))
    return Digits(*(digits.part(piece) for piece in pieces))


def _has_pair(folder: Path, files: tuple[str, str]) -> bool:
    """Return whether both files exist.

    Raises:
        UserError: only one of them exists.
    """
    missing = [name for name in files if _file(folder, name) is None]
    if len(missing) == 1:
        there = files[1 - files.index(missing[0])]
        raise UserError(f"{folder} has {there.removesuffix('.gz')} but lacks {missing[0]}")
    return not missing


def _file(folder: Path, name: str) -> Path | None:
    """Return the path of the file, gzipped or not; None if there is neither."""
    paths = (folder / name, folder / name.removesuffix(".gz"))
    return next((path for path in paths if path.is_file()), None)


def _mnist(folder: Path, images: str, labels: str) -> DigitSet:
    pixels, names = _values(folder, images, _IMAGES), _values(folder, labels, _LABELS)
    if pixels.shape[1:] != (MNIST_SIZE, MNIST_SIZE):
        size = " × ".join(str(side) for side in pixels.shape[1:])
        raise UserError(f"{folder / images} has images of {size} pixels instead of {MNIST_SIZE} × {MNIST_SIZE}")
    if len(pixels) != len(names) or not len(names) or names.max() > 9:
        raise UserError(f"{folder / labels} does not match {images}: each image needs one label from 0 to 9")
    return DigitSet(torch.from_numpy(pixels.copy()).float().unsqueeze(1) / 255, torch.from_numpy(names.copy()).long())


def _values(folder: Path, name: str, kind: int) -> np.ndarray:
    """Read the array of an IDX file: a type code, the sizes (big-endian), then bytes."""
    path = _file(folder, name)
    assert path is not None  # checked by _has_pair
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        found, *_ = struct.unpack(">i", content[:4])
        sizes = struct.unpack(f">{found % 256}I", content[4 : 4 + 4 * (found % 256)])
        values = np.frombuffer(content, np.uint8, offset=4 + 4 * len(sizes)).reshape(sizes)
    except (OSError, EOFError, ValueError, struct.error, zlib.error) as error:
        raise UserError(f"{path} is damaged ({error}): download it again") from None
    if found != kind:
        raise UserError(f"{path} is not MNIST's {name}: download it again")
    return values
