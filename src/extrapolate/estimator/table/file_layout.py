"""The layout of a table in a text file: the separator, and the column names in the first line."""

import csv
from collections import Counter
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from extrapolate._runtime.errors import UserError
from extrapolate.estimator.table.file_kind import HEAD

#: The possible separators. If several split the lines equally well, the first of them is used.
SEPARATORS = (",", ";", "\t", "|")

#: Number of lines from which the separator is chosen.
LINES = 50


@dataclass(frozen=True)
class Layout:
    """The layout of a text file.

    Attributes:
        separator: the character between cells.
        names: column names, without blanks around them. A column without a name is "column N".
        nameless: the ``names`` of the columns that have no name in the file.
        first_row: the byte at which the first row starts.
    """

    separator: str
    names: tuple[str, ...]
    nameless: frozenset[str]
    first_row: int


def layout_of(path: Path) -> Layout:
    """Return the layout of ``path``, found from its first ``HEAD`` bytes.

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
    """Return the share of lines with as many cells as the first line; 0 if that has only one cell."""
    lines = text.splitlines(keepends=True)
    complete = lines[: min(LINES, max(1, len(lines) - 1))]
    try:
        widths = [len(row) for row in csv.reader(complete, delimiter=separator) if row]
    except csv.Error:
        return 0.0
    if not widths or widths[0] < 2:
        return 0.0
    return sum(width == widths[0] for width in widths) / len(widths)
