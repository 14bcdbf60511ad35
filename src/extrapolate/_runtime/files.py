"""Writing files so that a reader never sees half of one, and reading what may be packed."""

import gzip
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a temporary name to write to; on success it is flushed to disk and renamed to ``path``.

    On any failure ``path`` is as it was and nothing is left behind.

    Raises:
        OSError: the system failed, a full disk for one; also where a library has an error of its own for it.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except Exception as error:
        number = _system_error(error)
        if number is None or isinstance(error, OSError):
            raise
        raise OSError(number, os.strerror(number), str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)


def _system_error(error: Exception) -> int | None:
    """The system's error number, which libraries written in Rust (safetensors, polars) only put in words."""
    found = re.search(r"\(os error (\d+)\)", str(error))
    return int(found[1]) if found else None


def write_text(path: Path, text: str) -> None:
    """Replaces ``path`` by ``text`` in one move."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def open_text(path: Path) -> TextIO:
    """A file of text to read, packed (``.gz``) or not."""
    return gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8")
