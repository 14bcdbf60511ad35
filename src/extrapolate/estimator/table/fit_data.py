"""From a file to what a fit needs: numeric columns without gaps, or a clear line."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import polars as pl

from extrapolate._runtime.errors import UserError, unknown_name_error
from extrapolate.estimator.formula.structure import Array
from extrapolate.estimator.table.parse_numbers import parse_numbers
from extrapolate.estimator.table.read_file import Table, read_sheet

#: Rows below which a formula cannot be told from a coincidence.
FEWEST_ROWS = 20

#: And sizes beyond which, or beyond whose reciprocal, numbers cannot be multiplied freely.
LARGEST_NUMBER = 1e60


@dataclass(frozen=True)
class FitData:
    """A table ready to be fitted.

    Attributes:
        names: of the input columns.
        x, y: (N, I) and (N,), finite.
        rows: how many rows were read.
        notes: what a person should know: a sample, rows left out.
    """

    names: tuple[str, ...]
    x: Array
    y: Array
    rows: int
    notes: tuple[str, ...]


def read_fit_data(path: Path, target: str, ignore: Sequence[str] = (), *, drop_missing: bool = False) -> FitData:
    """Reads ``path`` and checks it.

    Raises:
        UserError: whatever keeps the table from being fitted, in one line with what to do.
    """
    sheet = read_sheet(path)
    _check_names(sheet, target, ignore)
    names = [name for name in sheet.names if name != target and name not in ignore]
    if not names:
        raise UserError(f"{path} has no column beside the target {target!r}: there is nothing to explain it with")
    if sheet.frame.is_empty():
        raise UserError(f"{path} has column names and no rows")
    table = parse_numbers(sheet, [*names, target], [target])
    complete, notes = _complete(table, path, drop=drop_missing)
    if len(complete) < FEWEST_ROWS:
        left = " complete" if len(complete) < len(table) else ""
        raise UserError(f"{path} has {len(complete)}{left} rows: at least {FEWEST_ROWS} are needed to find a formula")
    y = complete[target].to_numpy()
    if (y == y[0]).all():
        raise UserError(f"the target {target!r} is {y[0]:g} in every row: there is nothing to explain")
    _check_sizes(complete)
    return FitData(tuple(names), complete.select(names).to_numpy(), y, len(table), (*sheet.notes, *notes))


def _check_names(table: Table, target: str, ignore: Sequence[str]) -> None:
    if target not in table.names and all(map(_is_number, table.names)):
        raise UserError(f"{table.path} begins with numbers: its first line must name the columns")
    for name in (target, *ignore):
        if name not in table.names:
            raise unknown_name_error("column", name, table.names)
    if target in ignore:
        raise UserError(f"{target!r} is the target and cannot be ignored")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _complete(table: pl.DataFrame, path: Path, *, drop: bool) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """The rows whose cells are all finite numbers, and a sentence about the others."""
    usable = pl.all().is_not_null() & pl.all().is_finite()
    complete = table.filter(pl.all_horizontal(usable))
    lost = len(table) - len(complete)
    if not lost:
        return complete, ()
    cells = ", ".join(filter(None, (_gaps(table[name]) for name in table.columns)))
    told = f"{lost} of {len(table)} rows {'has' if lost == 1 else 'have'} cells without a finite number: {cells}"
    if not drop:
        raise UserError(f"{path}: {told}; leave such rows out with --drop-missing")
    return complete, (f"{told}; left out",)


def _check_sizes(table: pl.DataFrame) -> None:
    """Products of numbers beyond ``LARGEST_NUMBER`` leave the range of floats."""
    for name in table.columns:
        size = float(cast(float, table[name].abs().max()))
        if size > LARGEST_NUMBER or 0 < size < 1 / LARGEST_NUMBER:
            raise UserError(f"column {name!r} holds numbers as far out as {size:g}: write it in another unit")


def _gaps(column: pl.Series) -> str:
    counts = {
        "missing": column.null_count(),
        "NaN": int(column.is_nan().sum()),
        "infinite": int(column.is_infinite().sum()),
    }
    told = " and ".join(f"{count} {kind}" for kind, count in counts.items() if count)
    return told and f"{told} in {column.name!r}"
