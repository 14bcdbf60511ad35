"""Read a file as the data of a fit: numeric columns without missing values, or a one-line error."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import polars as pl

from extrapolate._runtime.errors import UserError, unknown_name_error
from extrapolate.estimator.formula.structure import Array
from extrapolate.estimator.table.parse_numbers import parse_numbers
from extrapolate.estimator.table.read_file import Table, read_table

#: Fewest rows; with fewer, a formula may fit by coincidence.
FEWEST_ROWS = 20

#: Largest magnitude; its reciprocal is the smallest. Products of numbers beyond them may overflow.
LARGEST_NUMBER = 1e60


@dataclass(frozen=True)
class FitData:
    """A table that is ready for a fit.

    Attributes:
        names: of the input columns.
        x, y: (N, I) and (N,), finite.
        rows: number of rows read, including those left out.
        notes: sentences for the user, about sampling and rows left out.
    """

    names: tuple[str, ...]
    x: Array
    y: Array
    rows: int
    notes: tuple[str, ...]


def read_fit_data(path: Path, target: str, ignore: Sequence[str] = (), *, drop_missing: bool = False) -> FitData:
    """Read ``path`` and check it.

    Raises:
        UserError: the table cannot be fitted; one line with the reason and what to do.
    """
    table = read_table(path)
    _check_names(table, target, ignore)
    names = [name for name in table.names if name != target and name not in ignore]
    if not names:
        raise UserError(f"{path} has no column besides the target {target!r}: add columns that explain it")
    if table.frame.is_empty():
        raise UserError(f"{path} has column names but no rows: add rows of numbers")
    numbers = parse_numbers(table, [*names, target], [target])
    complete, notes = _complete(numbers, path, drop=drop_missing)
    if len(complete) < FEWEST_ROWS:
        left = " complete" if len(complete) < len(numbers) else ""
        raise UserError(f"{path} has {len(complete)}{left} rows: at least {FEWEST_ROWS} are needed")
    y = complete[target].to_numpy()
    if (y == y[0]).all():
        raise UserError(f"the target {target!r} is {y[0]:g} in every row: there is nothing to fit")
    _check_sizes(complete)
    return FitData(tuple(names), complete.select(names).to_numpy(), y, len(numbers), (*table.notes, *notes))


def _check_names(table: Table, target: str, ignore: Sequence[str]) -> None:
    if target not in table.names and all(map(_is_number, table.names)):
        raise UserError(f"{table.path} starts with numbers: its first line must name the columns")
    for name in (target, *ignore):
        if name not in table.names:
            raise unknown_name_error("column", name, table.names)
    if target in ignore:
        raise UserError(f"{target!r} is the target: it cannot be ignored")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _complete(table: pl.DataFrame, path: Path, *, drop: bool) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Return the rows whose cells are all finite numbers, and a sentence about the other rows."""
    usable = pl.all().is_not_null() & pl.all().is_finite()
    complete = table.filter(pl.all_horizontal(usable))
    lost = len(table) - len(complete)
    if not lost:
        return complete, ()
    cells = ", ".join(filter(None, (_gaps(table[name]) for name in table.columns)))
    summary = f"{lost} of {len(table)} rows {'has' if lost == 1 else 'have'} cells without a finite number: {cells}"
    if not drop:
        raise UserError(f"{path}: {summary}; leave these rows out with --drop-missing")
    return complete, (f"{summary}; these rows were left out",)


def _check_sizes(table: pl.DataFrame) -> None:
    """Raise if a column has values whose products may overflow or underflow."""
    for name in table.columns:
        size = float(cast(float, table[name].abs().max()))
        if size > LARGEST_NUMBER or 0 < size < 1 / LARGEST_NUMBER:
            raise UserError(f"column {name!r} has values of magnitude {size:g}: use another unit")


def _gaps(column: pl.Series) -> str:
    counts = {
        "missing": column.null_count(),
        "NaN": int(column.is_nan().sum()),
        "infinite": int(column.is_infinite().sum()),
    }
    gaps = " and ".join(f"{count} {kind}" for kind, count in counts.items() if count)
    return gaps and f"{gaps} in {column.name!r}"
