"""Checkpoints: all tensors are read back, a damaged file is detected and renamed, a failed write changes nothing."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import save
from torch import Tensor

from extrapolate._runtime.errors import UserError
from extrapolate.training import CheckpointError
from extrapolate.training.checkpoint import Checkpoint, read, write

FLOATS = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
DTYPES = [*FLOATS, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool]
SHAPES = [(), (1,), (5,), (0,), (3, 0, 2), (2, 3, 4)]
METADATA = {"step": 7, "seeds": [0, 1], "text": "é∪\n", "nothing": None, "nested": {"lr": 1e-3}}


def sample(path: Path) -> Checkpoint:
    checkpoint = Checkpoint({"a/w": torch.arange(6.0).view(2, 3), "b": torch.tensor([1, 2])}, {"step": 3})
    write(path, checkpoint)
    return checkpoint


def assert_same(actual: Checkpoint, expected: Checkpoint) -> None:
    """Compare every bit, also of NaN and -0."""
    assert actual.metadata == expected.metadata
    assert actual.tensors.keys() == expected.tensors.keys()
    for name, value in expected.tensors.items():
        assert actual.tensors[name].dtype == value.dtype
        assert actual.tensors[name].shape == value.shape
        both = (each.detach().flatten().contiguous() for each in (actual.tensors[name], value))
        assert torch.equal(*(each.view(torch.uint8) for each in both))


BASE = torch.arange(12.0).view(3, 4)


@pytest.mark.parametrize(
    "tensors",
    [
        {},
        {f"{dtype}/{shape}": (torch.randn(shape) * 50).to(dtype) for dtype in DTYPES for shape in SHAPES},
        {"x": torch.tensor([float("nan"), float("inf"), -0.0, 5e-324, 0.1], dtype=torch.float64)},
        {"transposed": BASE.T, "every other": BASE[:, ::2], "expanded": BASE[:1].expand(3, 4), "base": BASE},
        {"weight": torch.nn.Parameter(torch.ones(2))},
    ],
    ids=["nothing", "any type and shape", "special values", "any layout", "parameter"],
)
def test_tensors_of_any_type_shape_value_and_layout_are_read_back(tensors: dict[str, Tensor], tmp_path: Path) -> None:
    write(tmp_path / "c", Checkpoint(tensors, METADATA))
    assert_same(read(tmp_path / "c"), Checkpoint(tensors, METADATA))


def test_newer_checkpoint_replaces_the_older(tmp_path: Path) -> None:
    sample(tmp_path / "c")
    newer = Checkpoint({"x": torch.ones(1)}, {"step": 9})
    write(tmp_path / "c", newer)
    assert_same(read(tmp_path / "c"), newer)
    assert [each.name for each in tmp_path.iterdir()] == ["c"]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "truncated": lambda content: content[:-3],
    "half": lambda content: content[: len(content) // 2],
    "empty": lambda content: b"",
    "flipped bit in a tensor": lambda content: content[:-5] + bytes([content[-5] ^ 0x10]) + content[-4:],
    "another file": lambda content: b"just some notes\n",
    "wrong shape": lambda content: content.replace(b'"shape":[2,3]', b'"shape":[3,2]'),
    "wrong type": lambda content: content.replace(b'"dtype":"F32"', b'"dtype":"I32"'),
    "no format": lambda content: save({"x": torch.ones(2)}),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_checkpoint_is_named_and_renamed(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "NMU-mul.checkpoint.safetensors"
    for number in (1, 2):
        sample(path)
        damaged = DAMAGES[damage](path.read_bytes())
        assert damaged != path.read_bytes()
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError, match="format" if damage == "no format" else None) as caught:
            read(path)
        assert isinstance(caught.value, UserError)
        assert str(path) in str(caught.value)
        assert len(str(caught.value).splitlines()) == 1
        aside = tmp_path / f"{path.name}.corrupt-{number}"
        assert aside.name in str(caught.value)
        assert aside.read_bytes() == damaged
        assert not path.exists()


@pytest.mark.parametrize("bit", range(8))
def test_no_flipped_bit_changes_what_is_read(bit: int, tmp_path: Path) -> None:
    """If any bit of the file is wrong, the checkpoint is refused, or its contents are still correct."""
    path = tmp_path / "c"
    checkpoint = sample(path)
    content = path.read_bytes()
    refused = 0
    for index in range(len(content)):
        path.write_bytes(content[:index] + bytes([content[index] ^ (1 << bit)]) + content[index + 1 :])
        try:
            assert_same(read(path), checkpoint)
        except CheckpointError:
            refused += 1
            (tmp_path / "c.corrupt-1").unlink()
    assert refused > 0.5 * len(content)


def test_missing_checkpoint_raises_file_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "c")


NO_SPACE = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
#: safetensors raises its own error if the disk is full.
FULL = SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")
SAVE = "extrapolate.training.checkpoint.save_file"


@pytest.mark.parametrize(
    ("step", "error"), [(SAVE, NO_SPACE), (SAVE, FULL), ("os.fsync", NO_SPACE), ("os.replace", NO_SPACE)]
)
def test_failed_write_is_an_os_error_and_leaves_the_previous_checkpoint_and_nothing_else(
    step: str, error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    previous = sample(tmp_path / "c")
    with monkeypatch.context() as patched:
        patched.setattr(step, Mock(side_effect=error))
        with pytest.raises(OSError, match="No space left") as caught:
            write(tmp_path / "c", Checkpoint({"x": torch.ones(1)}, {}))
    assert caught.value.errno == errno.ENOSPC
    assert [each.name for each in tmp_path.iterdir()] == ["c"]
    assert_same(read(tmp_path / "c"), previous)
