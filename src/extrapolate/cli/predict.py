"""``extrapolate predict``: apply a saved formula to a table."""

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
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="The output folder of extrapolate fit, or its model.json.")
    ],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A table: CSV, TSV or parquet.")],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", help="Write the result to this file.", show_default="stdout")
    ] = None,
) -> None:
    """Apply a fitted formula to a table; write the table with a column predicted_TARGET, as CSV.

    The predicted cell is empty if an input value of its row is missing or the formula is undefined there. The
    count of these rows is printed to stderr.
    """
    from extrapolate._runtime.files import replacing
    from extrapolate.estimator import load_formula

    formula = load_formula(model)
    if out is None:
        count = _write(formula, file, None, ",")
    else:
        if out.suffix.lower() not in SEPARATORS:
            raise UserError(f"--out {out}: the result is written as CSV; use the name FILE.csv")
        try:
            with replacing(out) as temporary:
                count = _write(formula, file, temporary, SEPARATORS[out.suffix.lower()])
        except OSError as error:
            raise UserError(f"{out} cannot be written ({error.strerror or error}): choose another --out") from error
    _print_warnings(formula, *count)


def _write(formula: "SavedFormula", file: Path, out: Path | None, separator: str) -> tuple[int, int, int]:
    """Write batch by batch to ``out`` or stdout; return the number of rows, with missing values, and undefined."""
    import numpy as np
    import polars as pl

    from extrapolate.estimator.table.parse_numbers import parse_numbers
    from extrapolate.estimator.table.read_file import read_batches

    rows, missing, undefined = 0, 0, 0
    name = f"predicted_{formula.target}"
    with nullcontext(sys.stdout.buffer) if out is None else open(out, "wb") as sink:
        for index, table in enumerate(read_batches(file)):
            _check_names(formula, table, name)
            x = parse_numbers(table, formula.columns, formula.columns).fill_null(float("nan")).to_numpy()
            complete = np.isfinite(x).all(1) if x.shape[1] else np.ones(len(table.frame), bool)
            x = x if x.shape[1] else np.empty((len(table.frame), 0))
            value = formula.predict(x)
            value[~complete] = np.nan
            column = pl.Series(name, value, pl.Float64).fill_nan(None)
            result = table.frame.select(table.names).with_columns(column)
            sink.write(result.write_csv(separator=separator, include_header=index == 0).encode())
            missing += int((~complete).sum())
            undefined += int((complete & np.isnan(value)).sum())
            rows += len(result)
    return rows, missing, undefined


def _check_names(formula: "SavedFormula", table: "Table", name: str) -> None:
    for column in formula.columns:
        if column not in table.names:
            wrong = unknown_name_error("column", column, table.names)
            raise UserError(f"{table.path} lacks a column that the formula needs: {wrong}")
    if name in table.names:
        raise UserError(f"{table.path} already has a column {name!r}: rename or remove it")


def _print_warnings(formula: "SavedFormula", rows: int, missing: int, undefined: int) -> None:
    console = stderr_console()

    def warn(text: str) -> None:
        console.print(f"warning: {text}", style="yellow", markup=False, soft_wrap=True)

    if not formula.found:
        warn("the fit found no formula: these predictions use the best sum of columns")
    if missing:
        warn(f"{missing} of {rows} rows lack a value that the formula needs: predictions left empty")
    if undefined:
        warn(f"the formula is undefined on {undefined} of {rows} rows: predictions left empty")
