"""Checkpoints: all tensors come back, damage is noticed and kept aside, a failed write changes nothing."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from torch import Tensor

from extrapolate.errors import UserError
from extrapolate.training import CheckpointError
from extrapolate.training.checkpoint import Checkpoint, read, write

DTYPES = [
    torch.float64,
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.int64,
    torch.int32,
    torch.int16,
    torch.int8,
    torch.uint8,
    torch.bool,
]
SHAPES = [(), (1,), (5,), (0,), (3, 0, 2), (2, 3, 4)]
ABOUT = {"step": 7, "seeds": [0, 1], "text": "é∪\n", "nothing": None, "nested": {"lr": 1e-3}}


def sample(path: Path) -> Checkpoint:
    checkpoint = Checkpoint({"a/w": torch.arange(6.0).view(2, 3), "b": torch.tensor([1, 2])}, {"step": 3})
    write(path, checkpoint)
    return checkpoint


def assert_same(actual: Checkpoint, expected: Checkpoint) -> None:
    assert actual.about == expected.about
    assert actual.tensors.keys() == expected.tensors.keys()
    for name, value in expected.tensors.items():
        assert actual.tensors[name].dtype == value.dtype
        assert actual.tensors[name].shape == value.shape
        assert torch.equal(actual.tensors[name], value)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_type_and_shape_comes_back(dtype: torch.dtype, shape: tuple[int, ...], tmp_path: Path) -> None:
    value = (torch.randn(shape) * 50).to(dtype)
    checkpoint = Checkpoint(
        {"x": value, "parameters/deep.name": value + 1 if value.numel() else value}, ABOUT
    )
    write(tmp_path / "c", checkpoint)
    assert_same(read(tmp_path / "c"), checkpoint)


def test_values_come_back_bit_for_bit(tmp_path: Path) -> None:
    value = torch.tensor([float("nan"), float("inf"), -0.0, 5e-324, 0.1], dtype=torch.float64)
    write(tmp_path / "c", Checkpoint({"x": value}, {}))
    assert torch.equal(read(tmp_path / "c").tensors["x"].view(torch.int64), value.view(torch.int64))


def strided() -> dict[str, Tensor]:
    base = torch.arange(12.0).view(3, 4)
    return {
        "transposed": base.T,
        "every other": base[:, ::2],
        "expanded": base[:1].expand(3, 4),
        "base": base,
    }


def test_tensors_of_any_layout_come_back(tmp_path: Path) -> None:
    checkpoint = Checkpoint(strided() | {"weight": torch.nn.Parameter(torch.ones(2))}, {})
    write(tmp_path / "c", checkpoint)
    assert_same(read(tmp_path / "c"), checkpoint)


def test_checkpoint_without_tensors_comes_back(tmp_path: Path) -> None:
    write(tmp_path / "c", Checkpoint({}, ABOUT))
    assert_same(read(tmp_path / "c"), Checkpoint({}, ABOUT))


def test_newer_checkpoint_replaces_the_older(tmp_path: Path) -> None:
    sample(tmp_path / "c")
    newer = Checkpoint({"x": torch.ones(1)}, {"step": 9})
    write(tmp_path / "c", newer)
    assert_same(read(tmp_path / "c"), newer)
    assert [each.name for each in tmp_path.iterdir()] == ["c"]


# ---------------------------------------------------------------------------------------------- damage


def truncated(content: bytes) -> bytes:
    return content[:-3]


def half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def emptied(content: bytes) -> bytes:
    return b""


def with_flipped_tensor_byte(content: bytes) -> bytes:
    return content[:-5] + bytes([content[-5] ^ 0x10]) + content[-4:]


def not_a_checkpoint(content: bytes) -> bytes:
    return b"just some notes of somebody\n"


DAMAGES = [truncated, half, emptied, with_flipped_tensor_byte, not_a_checkpoint]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda each: each.__name__)
def test_damaged_checkpoint_is_named_and_kept_aside(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = tmp_path / "NMU-mul.checkpoint.safetensors"
    for number in (1, 2):
        sample(path)
        damaged = damage(path.read_bytes())
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError) as caught:
            read(path)
        assert isinstance(caught.value, UserError)
        assert str(path) in str(caught.value)
        assert len(str(caught.value).splitlines()) == 1
        aside = tmp_path / f"{path.name}.corrupt-{number}"
        assert aside.name in str(caught.value)
        assert aside.read_bytes() == damaged
        assert not path.exists()


def test_safetensors_file_of_somebody_else_is_not_a_checkpoint(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"x": torch.ones(2)}, tmp_path / "c")
    with pytest.raises(CheckpointError, match="format"):
        read(tmp_path / "c")
    assert (tmp_path / "c.corrupt-1").exists()


@pytest.mark.parametrize("bit", range(8))
def test_no_flipped_bit_is_read_as_something_else(bit: int, tmp_path: Path) -> None:
    """Whatever bit of the file is wrong, the checkpoint is refused or its contents are the true ones."""
    path = tmp_path / "c"
    checkpoint = sample(path)
    content = path.read_bytes()
    refused = 0
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ (1 << bit)]) + content[place + 1 :])
        try:
            assert_same(read(path), checkpoint)
        except CheckpointError:
            refused += 1
            (tmp_path / "c.corrupt-1").unlink()
    assert refused > 0.5 * len(content)


def test_checkpoint_with_exchanged_shapes_or_types_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c"
    sample(path)
    content = path.read_bytes()
    for before, after in ((b'"shape":[2,3]', b'"shape":[3,2]'), (b'"dtype":"F32"', b'"dtype":"I32"')):
        assert before in content
        path.write_bytes(content.replace(before, after))
        with pytest.raises(CheckpointError):
            read(path)


def test_missing_checkpoint_is_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "c")


# --------------------------------------------------------------------------------------- failed writes


def no_space(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("step", ["extrapolate.training.checkpoint.save_file", "os.fsync", "os.replace"])
def test_failed_write_leaves_the_previous_checkpoint_and_nothing_else(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    previous = sample(tmp_path / "c")
    with monkeypatch.context() as patched:
        patched.setattr(step, no_space)
        with pytest.raises(OSError, match="No space left"):
            write(tmp_path / "c", Checkpoint({"x": torch.ones(1)}, {}))
    assert [each.name for each in tmp_path.iterdir()] == ["c"]
    assert_same(read(tmp_path / "c"), previous)


def test_full_disk_is_an_os_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library that writes the tensors has an error of its own for it."""

    def full(*_: object) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    previous = sample(tmp_path / "c")
    with monkeypatch.context() as patched:
        patched.setattr("extrapolate.training.checkpoint.save_file", full)
        with pytest.raises(OSError, match="No space left") as caught:
            write(tmp_path / "c", Checkpoint({"x": torch.ones(1)}, {}))
    assert caught.value.errno == errno.ENOSPC
    assert [each.name for each in tmp_path.iterdir()] == ["c"]
    assert_same(read(tmp_path / "c"), previous)
