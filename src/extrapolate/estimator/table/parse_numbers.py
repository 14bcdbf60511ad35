"""Parse cells as numbers; any cell that is not a number is reported with its row and column."""

import shlex
from collections.abc import Sequence

import polars as pl

from extrapolate._runtime.errors import UserError
from extrapolate.estimator.table.read_file import ROW, Table

#: Texts that mean "no value", in lower case.
MISSING = ("", "na", "n/a", "#n/a", "nan", "null", "none", "nil", "-", "?")

DATE = r"^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T].*)?$"
DECIMAL_COMMA = r"^[+-]?\d*,\d+([eE][+-]?\d+)?$"
THOUSANDS = r"^[+-]?[1-9]\d{0,2}(,\d{3})+$"


def parse_numbers(table: Table, names: Sequence[str], needed: Sequence[str]) -> pl.DataFrame:
    """Parse the columns ``names`` as floats: null for a missing value; NaN and infinities stay.

    ``needed``: columns that cannot be left out. For any other column the error suggests ``--ignore``.

    Raises:
        UserError: some columns hold text or dates (the message names them all), or a cell is not a number
            (the message names its row and column).
    """
    cells = {name: _cells(table, name) for name in names}
    read = {name: _read(table, name, column) for name, column in cells.items()}
    wrong = {name: cells[name].is_not_null() & read[name].is_null() for name in names}
    useless = [name for name in names if wrong[name].any() and read[name].is_null().all()]
    if useless:
        raise UserError(_useless(table, useless, cells, needed))
    for name in names:
        if wrong[name].any():
            index = int(wrong[name].arg_max() or 0)
            advice = "fix the cell" + ("" if name in needed else _ignoring([name], " or "))
            problem = f"column {name!r}, {_row(table, index)}: {_shorten(cells[name][index])} is not a number"
            raise UserError(f"{problem}; {advice}")
    return pl.DataFrame(read)


def _cells(table: Table, name: str) -> pl.Series:
    """Return the column with text stripped, and null for every text of ``MISSING``."""
    column = table.frame[name]
    if column.dtype != pl.String:
        return column
    column = column.str.strip_chars()
    return column.set(column.str.to_lowercase().is_in(MISSING), None)


def _read(table: Table, name: str, column: pl.Series) -> pl.Series:
    """Return the column as floats, null where a cell is not a number."""
    if column.dtype.is_numeric() or column.dtype == pl.Boolean:
        return column.cast(pl.Float64)
    if column.dtype != pl.String:
        return pl.Series(name, [None] * len(column), pl.Float64)
    lowered = column.str.to_lowercase()
    if column.is_not_null().any() and lowered.is_in(["true", "false"]).all():
        return (lowered == "true").cast(pl.Float64)
    read = column.cast(pl.Float64, strict=False)
    if table.layout is None or table.layout.separator == "," or not (column.is_not_null() & read.is_null()).any():
        return read
    return _with_decimal_commas(table, name, column, read)


def _with_decimal_commas(table: Table, name: str, column: pl.Series, read: pl.Series) -> pl.Series:
    """Parse 1,5 as 1.5; raise if every comma could also be a thousands separator."""
    commas = column.str.contains(DECIMAL_COMMA)
    if not commas.any():
        return read
    if (column.str.contains(THOUSANDS) | ~commas).all():
        index = int(commas.arg_max() or 0)
        raise UserError(
            f"column {name!r}, {_row(table, index)}: {_shorten(column[index])} can be read in two ways; "
            "write thousands without commas, or decimals with a point"
        )
    return column.str.replace(",", ".", literal=True).cast(pl.Float64, strict=False)


def _useless(table: Table, names: list[str], cells: dict[str, pl.Series], needed: Sequence[str]) -> str:
    """Return one line about all columns without numbers."""
    if wanted := [name for name in names if name in needed]:
        return f"column {wanted[0]!r} holds {_content(table, wanted[0], cells[wanted[0]])}, not numbers"
    problems = "; ".join(f"column {name!r} holds {_content(table, name, cells[name])}" for name in names)
    return f"{problems}: {_ignoring(names, '')}"


def _content(table: Table, name: str, column: pl.Series) -> str:
    index = int(column.is_not_null().arg_max() or 0)
    dated = column.dtype.is_temporal() or (column.dtype == pl.String and bool(column.str.contains(DATE).all()))
    kind = "dates" if dated else ("lists" if column.dtype.is_nested() else "text")
    return f"{kind} ({_shorten(column[index])} in {_row(table, index)})"


def _row(table: Table, index: int) -> str:
    number = table.frame[ROW][index]
    if number is None:
        return "a sampled row"
    return f"row {number}" if table.layout is None else f"row {number} (line {number + 1})"


def _shorten(value: object) -> str:
    text = str(value)
    return repr(text if len(text) <= 40 else text[:39] + "…")


def _ignoring(names: list[str], before: str) -> str:
    options = " ".join(f"--ignore {shlex.quote(name)}" for name in names)
    which = "column" if len(names) == 1 else "columns"
    return f"{before}leave the {which} out with {options}"
