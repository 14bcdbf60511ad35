"""Detect the layout of a text table: the separator of its cells, and the column names in its first line."""

import csv
from collections import Counter
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from extrapolate._runtime.errors import UserError
from extrapolate.estimator.table.file_kind import HEAD

#: Tried in this order; the first one wins if several split the lines equally well.
SEPARATORS = (",", ";", "\t", "|")

#: Most lines from which the separator is detected.
LINES = 50


@dataclass(frozen=True)
class Layout:
    """The layout of a text table.

    Attributes:
        separator: the character between cells.
        names: column names, stripped; a column without a name is called ``column N``.
        nameless: the ``names`` of the columns without a name in the file.
        first_row: the byte offset of the first row.
    """

    separator: str
    names: tuple[str, ...]
    nameless: frozenset[str]
    first_row: int


def layout_of(path: Path) -> Layout:
    """Detect the layout from the first bytes of ``path``.

    Raises:
        UserError: two columns have the same name.
    """
    with open(path, "rb") as file:
        raw = file.read(HEAD)
    text = raw.decode("utf-8-sig", errors="replace")
    separator = max(SEPARATORS, key=lambda each: _agreement(text, each))
    header = next(csv.reader(StringIO(text), delimiter=separator), [])
    names = [name.strip() for name in header]
    nameless = frozenset(f"column {number}" for number, name in enumerate(names, 1) if not name)
    names = [name or f"column {number}" for number, name in enumerate(names, 1)]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise UserError(f"{path} has two columns named {twice[0]!r}: rename one of them")
    return Layout(separator, tuple(names), nameless, raw.find(b"\n") + 1 or len(raw))


def _agreement(text: str, separator: str) -> float:
    """Return the share of lines with as many cells as the first line; 0 if that has fewer than 2."""
    lines = text.splitlines(keepends=True)
    complete = lines[: min(LINES, max(1, len(lines) - 1))]
    try:
        widths = [len(row) for row in csv.reader(complete, delimiter=separator) if row]
    except csv.Error:
        return 0.0
    if not widths or widths[0] < 2:
        return 0.0
    return sum(width == widths[0] for width in widths) / len(widths)
