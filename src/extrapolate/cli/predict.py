"""``extrapolate predict``: a saved formula applied to a table."""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from extrapolate._runtime.errors import UserError, unknown_name_error
from extrapolate.cli.console import stderr_console

if TYPE_CHECKING:
    from extrapolate.estimator import SavedFormula
    from extrapolate.estimator.table.read_file import Table

SEPARATORS = {".csv": ",", ".txt": ",", "": ",", ".tsv": "\t", ".tab": "\t"}


def predict(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="The folder of a fit, or its model.json.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A table: CSV, TSV or parquet.")],
    out: Annotated[Path | None, typer.Option(metavar="FILE.csv", help="Write here.", show_default="stdout")] = None,
) -> None:
    """Apply a fitted formula to a table: its rows, and a column predicted_TARGET, as CSV.

    The cell is empty where a value is missing or the formula is undefined; how often is said on stderr.
    """
    from extrapolate._runtime.files import replacing
    from extrapolate.estimator import load_formula

    formula = load_formula(model)
    if out is None:
        count = _write(formula, file, None, ",")
    else:
        if out.suffix.lower() not in SEPARATORS:
            raise UserError(f"--out {out}: the result is written as CSV; name it FILE.csv")
        try:
            with replacing(out) as temporary:
                count = _write(formula, file, temporary, SEPARATORS[out.suffix.lower()])
        except OSError as error:
            raise UserError(f"{out} cannot be written: {error.strerror or error}") from error
    _tell(formula, *count)


def _write(formula: "SavedFormula", file: Path, out: Path | None, separator: str) -> tuple[int, int, int]:
    """Batch after batch to ``out`` or stdout; how many rows there are, lack a value, and are undefined."""
    import numpy as np
    import polars as pl

    from extrapolate.estimator.table.parse_numbers import parse_numbers
    from extrapolate.estimator.table.read_file import read_batches

    rows, missing, undefined = 0, 0, 0
    name = f"predicted_{formula.target}"
    with nullcontext(sys.stdout.buffer) if out is None else open(out, "wb") as sink:
        for place, sheet in enumerate(read_batches(file)):
            _check_names(formula, sheet, name)
            x = parse_numbers(sheet, formula.columns, formula.columns).fill_null(float("nan")).to_numpy()
            complete = np.isfinite(x).all(1) if x.shape[1] else np.ones(len(sheet.frame), bool)
            x = x if x.shape[1] else np.empty((len(sheet.frame), 0))
            value = formula.predict(x)
            value[~complete] = np.nan
            column = pl.Series(name, value, pl.Float64).fill_nan(None)
            result = sheet.frame.select(sheet.names).with_columns(column)
            sink.write(result.write_csv(separator=separator, include_header=not place).encode())
            missing += int((~complete).sum())
            undefined += int((complete & np.isnan(value)).sum())
            rows += len(result)
    return rows, missing, undefined


def _check_names(formula: "SavedFormula", table: "Table", name: str) -> None:
    for column in formula.columns:
        if column not in table.names:
            wrong = unknown_name_error("column", column, table.names)
            raise UserError(f"{table.path} lacks a column the formula needs: {wrong}")
    if name in table.names:
        raise UserError(f"{table.path} already has a column {name!r}: rename it or take it out")


def _tell(formula: "SavedFormula", rows: int, missing: int, undefined: int) -> None:
    console = stderr_console()

    def warn(text: str) -> None:
        console.print(f"warning: {text}", style="yellow", markup=False, soft_wrap=True)

    if not formula.found:
        warn("no formula was found in the fit: these predictions are of the best sum of columns")
    if missing:
        warn(f"{missing} of {rows} rows lack a value the formula needs: left empty")
    if undefined:
        warn(f"the formula is undefined on {undefined} of {rows} rows: left empty")
