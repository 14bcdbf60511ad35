"""Reader for the binary version of CIFAR-10."""

import tarfile
import zlib
from pathlib import Path, PurePath

import numpy as np
import torch

from extrapolate._runtime.errors import UserError
from extrapolate.tasks.digits import Digits, DigitSet

TRAINING_FILES = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
TEST_FILES = ("test_batch.bin",)

#: The distributed archive of the binary version, and the folder in it.
ARCHIVE, UNPACKED = "cifar-10-binary.tar.gz", "cifar-10-batches-bin"

#: Names of the Python version. It is not read, because its pickled objects can run code.
PICKLED = ("cifar-10-python.tar.gz", "cifar-10-batches-py", "data_batch_1")

_WANTED = f"download CIFAR-10's binary version, {ARCHIVE}, from https://www.cs.toronto.edu/~kriz/cifar.html"

#: Bytes of a label and its image: three colours, 32 × 32 pixels.
_RECORD = 1 + 3 * 32 * 32

#: Seed and share of the validation images among the training images (code of arXiv 2010.02066).
_HELD_OUT_SEED, _HELD_OUT = 0xC1CAFA52, 0.2


def has_cifar(folder: Path) -> bool:
    """Return whether the folder has a file of CIFAR-10, of the binary or the Python version."""
    names = (TRAINING_FILES[0], UNPACKED, ARCHIVE, *PICKLED)
    return any((folder / name).exists() for name in names)


def load_cifar(folder: Path) -> Digits:
    """Read the images (N, 3, 32, 32), in [0, 1], from ``folder``, from its subfolder or from the archive in it.

    The training files give the training set (80 %) and the validation set (20 %).

    Raises:
        UserError: a file is missing, truncated or damaged, or the folder has only the pickled Python version.
    """
    contents = _contents(folder)
    training = np.concatenate([_records(*contents[name]) for name in TRAINING_FILES])
    (test,) = (_records(*contents[name]) for name in TEST_FILES)
    held_out = np.random.RandomState(_HELD_OUT_SEED).rand(len(training)) <= _HELD_OUT
    return Digits(*(_images(each) for each in (training[~held_out], training[held_out], test)))


def _contents(folder: Path) -> dict[str, tuple[Path, bytes]]:
    """Return the path and the content of each file, by name."""
    names = (*TRAINING_FILES, *TEST_FILES)
    for parent in (folder, folder / UNPACKED):
        if any((parent / name).is_file() for name in names):
            return {name: (parent / name, _content(parent / name)) for name in names}
    if (folder / ARCHIVE).is_file():
        return _unpack(folder / ARCHIVE, names)
    for name in PICKLED:
        if (folder / name).exists():
            raise UserError(f"{folder / name} is the pickled Python version, which cannot be read: {_WANTED}")
    raise UserError(f"{folder} lacks {TRAINING_FILES[0]}: {_WANTED}")


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}: {_WANTED}") from None


def _unpack(archive: Path, names: tuple[str, ...]) -> dict[str, tuple[Path, bytes]]:
    found: dict[str, tuple[Path, bytes]] = {}
    try:
        with tarfile.open(archive, "r:gz") as files:
            for member in files:
                name, file = PurePath(member.name).name, files.extractfile(member)
                if name in names and file is not None:
                    found[name] = (archive / name, file.read())
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        raise UserError(f"{archive} is damaged ({error}): download it again") from None
    missing = next((name for name in names if name not in found), None)
    if missing:
        raise UserError(f"{archive} lacks {missing}: download it again")
    return found


def _records(path: Path, content: bytes) -> np.ndarray:
    """Return the records, uint8 (N, 1 + 3072): label, red, green, blue."""
    found = np.frombuffer(content, np.uint8)
    if not len(found) or len(found) % _RECORD or found[::_RECORD].max() > 9:
        raise UserError(f"{path} is damaged or not a file of CIFAR-10's binary version: download it again")
    return found.reshape(-1, _RECORD)


def _images(records: np.ndarray) -> DigitSet:
    images = torch.from_numpy(records[:, 1:].copy()).view(-1, 3, 32, 32).float().div_(255)
    return DigitSet(images, torch.from_numpy(records[:, 0].astype(np.int64)))
