"""CIFAR-10 from a folder, in its binary version."""

from pathlib import Path

import numpy as np
import torch

from extrapolate.errors import UserError
from extrapolate.tasks.digits import Digits, DigitSet

TRAINING_FILES = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
TEST_FILES = ("test_batch.bin",)

#: Bytes of an image with its label: three colours of 32 × 32.
_RECORD = 1 + 3 * 32 * 32

#: The published fifth that is held out of the training images (the code of arXiv 2010.02066).
_HELD_OUT_SEED, _HELD_OUT = 0xC1CAFA52, 0.2


def has_cifar(folder: Path) -> bool:
    """Whether the folder is meant to be CIFAR-10: whether its first file is there."""
    return (folder / TRAINING_FILES[0]).is_file()


def load_cifar(folder: Path) -> Digits:
    """The images (N, 3, 32, 32) in [0, 1]: four fifths and a fifth of the training files, and the test file.

    Raises:
        UserError: a file is missing or damaged.
    """
    training, test = _read(folder, TRAINING_FILES), _read(folder, TEST_FILES)
    held_out = np.random.RandomState(_HELD_OUT_SEED).rand(len(training)) <= _HELD_OUT
    kept, other = (torch.from_numpy(np.flatnonzero(each)) for each in (~held_out, held_out))
    return Digits(training.part(kept), training.part(other), test)


def _read(folder: Path, names: tuple[str, ...]) -> DigitSet:
    records = np.concatenate([_records(folder / name) for name in names])
    images = torch.from_numpy(records[:, 1:].copy()).view(-1, 3, 32, 32).float() / 255
    return DigitSet(images, torch.from_numpy(records[:, 0].astype(np.int64)))


def _records(path: Path) -> np.ndarray:
    try:
        found = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise UserError(
            f"{path}: {error.strerror}: get CIFAR-10's binary version from "
            "https://www.cs.toronto.edu/~kriz/cifar.html and unpack it there"
        ) from None
    if not len(found) or len(found) % _RECORD or found[::_RECORD].max() > 9:
        raise UserError(f"{path} is not a file of CIFAR-10's binary version, or is damaged: get it anew")
    return found.reshape(-1, _RECORD)
