"""Checkpoints of a training: one safetensors file, replaced atomically and verified by its digest when read."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save, save_file
from torch import Tensor

from extrapolate._runtime.errors import UserError
from extrapolate._runtime.files import replacing

FORMAT = "extrapolate-checkpoint-2"


class CheckpointError(UserError):
    """A checkpoint that cannot be used."""


@dataclass(frozen=True)
class Checkpoint:
    """Tensors by name, and a JSON value that describes them."""

    tensors: dict[str, Tensor]
    metadata: dict[str, Any]


def _digest(tensors: Mapping[str, Tensor], metadata: str) -> str:
    digest = hashlib.blake2b(metadata.encode(), digest_size=16)
    for name in sorted(tensors):
        value = tensors[name]
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def write(path: Path, checkpoint: Checkpoint) -> None:
    """Write to a temporary file, flush it to disk and rename it: ``path`` is always a complete file, old or new.

    Raises:
        OSError: the file cannot be written, for example because the disk is full.
    """
    with replacing(path) as temporary:
        tensors, metadata = _packed(checkpoint)
        save_file(tensors, temporary, metadata)


def serialize(checkpoint: Checkpoint) -> bytes:
    """Return the content of the file that :func:`write` writes."""
    return save(*_packed(checkpoint))


def _packed(checkpoint: Checkpoint) -> tuple[dict[str, Tensor], dict[str, str]]:
    tensors = {name: value.detach().to("cpu").contiguous() for name, value in checkpoint.tensors.items()}
    metadata = json.dumps(checkpoint.metadata, sort_keys=True)
    return tensors, {"format": FORMAT, "metadata": metadata, "digest": _digest(tensors, metadata)}


def read(path: Path) -> Checkpoint:
    """Read a checkpoint that :func:`write` wrote.

    Raises:
        CheckpointError: the file is damaged. It has been renamed, and is never overwritten.
    """
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            # copies: the file may be replaced while the tensors are in use
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
        if metadata.get("format") != FORMAT:
            raise ValueError(f"its format is {metadata.get('format')!r}, not {FORMAT!r}")
        if metadata.get("digest") != _digest(tensors, metadata["metadata"]):
            raise ValueError("its contents do not match its digest")
        return Checkpoint(tensors, json.loads(metadata["metadata"]))
    except (SafetensorError, ValueError, KeyError) as error:
        aside = _move_aside(path)
        raise CheckpointError(
            f"checkpoint {path} is corrupt ({str(error).splitlines()[0]}) and was renamed to {aside.name}. "
            "Finished results are not affected: run the same command again to repeat this training"
        ) from error


def _move_aside(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}.corrupt-{number}")).exists():
        number += 1
    os.replace(path, aside)
    return aside
