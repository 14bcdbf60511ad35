"""Detect whether a file is parquet or text; report in one line any file that is no table."""

from pathlib import Path
from typing import Literal

from extrapolate._runtime.errors import UserError, unknown_name_error

Kind = Literal["parquet", "text"]

#: Bytes at the start of a file that are read to detect its kind.
HEAD = 65536

NOT_TABLES = {
    b"\x1f\x8b": "is compressed: unpack it first",
    b"\x28\xb5\x2f\xfd": "is compressed: unpack it first",
    b"PK\x03\x04": "is a workbook or another zip file, not a table: save the table as CSV",
    b"\xff\xfe": "is UTF-16 text: save it as UTF-8",
    b"\xfe\xff": "is UTF-16 text: save it as UTF-8",
}


def kind_of(path: Path) -> Kind:
    """Return whether ``path`` holds parquet or text, by its first bytes.

    Raises:
        UserError: there is no such file, or it is a folder, empty, or not a table.
    """
    head = _head(path)
    if not head.strip():
        raise UserError(f"{path} is empty: add a line of column names and rows of numbers")
    for start, complaint in NOT_TABLES.items():
        if head.startswith(start):
            raise UserError(f"{path} {complaint}")
    if head.startswith(b"PAR1"):
        return "parquet"
    if b"\x00" in head:
        raise UserError(f"{path} is not a table: it holds binary data; pass a CSV, TSV or parquet file")
    return "text"


def _head(path: Path) -> bytes:
    if not path.exists():
        raise _missing(path)
    if not path.is_file():
        what = "a folder" if path.is_dir() else "not a regular file"
        raise UserError(f"{path} is {what}: pass a CSV, TSV or parquet file")
    try:
        with open(path, "rb") as file:
            return file.read(HEAD)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from error


def _missing(path: Path) -> UserError:
    folder = path.parent
    names = sorted(each.name for each in folder.iterdir() if each.is_file()) if folder.is_dir() else []
    if not names:
        return UserError(f"no such file: {path}")
    hint = str(unknown_name_error("file", path.name, names)).partition(": ")[2]
    return UserError(f"no such file: {path}" + (f"; {hint}" if hint.startswith("did you mean") else ""))
