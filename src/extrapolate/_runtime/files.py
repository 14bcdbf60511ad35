"""Write files atomically, so that no reader sees a partial file; read text files, gzipped or not."""

import gzip
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to; on success, flush it to disk and rename it to ``path``.

    On failure, ``path`` is unchanged and the temporary file is removed.

    Raises:
        OSError: a system error such as a full disk, also if a library reported it with its own exception.
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
    """Return the system's error number, which Rust libraries (safetensors, polars) give only in the message."""
    found = re.search(r"\(os error (\d+)\)", str(error))
    return int(found[1]) if found else None


def write_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path``, replacing the file atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def open_text(path: Path) -> TextIO:
    """Open a text file for reading; decompress it if its suffix is ``.gz``."""
    return gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8")
