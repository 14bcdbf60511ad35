"""The rows of a fit: predictions against actual values, and residuals."""

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from extrapolate.report.figures.error_front import error_front
from extrapolate.report.figures.figure import Entry, Figure, Group, Panel, Table
from extrapolate.report.figures.scatter import KEYS, Scatter, scatter
from extrapolate.report.words import number

#: Maximum number of points in a plot. The table of errors uses all rows.
MAX_POINTS = 700


def fit_points(fit: dict[str, Any], points: pl.DataFrame) -> Figure:
    """Return the figure of a fit. ``points``: columns actual, predicted, outer; one row per row of the table."""
    actual, predicted = (points[name].cast(pl.Float64).to_numpy() for name in ("actual", "predicted"))
    outer = points["outer"].cast(pl.Boolean).to_numpy()
    finite = np.isfinite(actual) & np.isfinite(predicted)
    rows = np.flatnonzero(finite)
    sample = rows if len(rows) <= MAX_POINTS else np.random.default_rng(0).choice(rows, MAX_POINTS, replace=False)
    what = "the formula" if fit["found"] else "the best sum of columns"
    table = _table(actual, predicted, outer)
    errors = "; ".join(f"{row[0].text}: {row[2].text}" for row in table.rows)
    parity = Scatter(actual[sample], predicted[sample], outer[sample], f"{fit['target']} in the table", "diagonal")
    residual = Scatter(predicted[sample], (actual - predicted)[sample], outer[sample], "predicted", "zero")
    panels = (
        Panel("Predicted", "against the table", scatter(parity, f"Predicted against actual. {errors}", "parity")),
        Panel("Residuals", "table − predicted", scatter(residual, f"Residuals. {errors}", "residual")),
        Panel("Error by number of parts", "error", error_front(fit["candidates"], "front")),
    )
    note = (
        "" if len(sample) == len(actual) else f" The plots show {number(len(sample))} of {number(len(actual))} rows."
    )
    return Figure(
        id="rows",
        title="Rows",
        lead=f"The predictions of {what}, the residuals, and the errors of shorter and longer formulas.{note}",
        groups=(Group(_verdict(fit), panels, table),),
        keys=KEYS,
    )


def _verdict(fit: dict[str, Any]) -> str:
    if not fit["found"]:
        return "No formula explains the target well enough"
    if fit["certificate"]["exact"]:
        return "All rows are on the line: the formula is exact"
    return "The rows scatter around the line: the residuals are noise"


def _table(actual: NDArray[np.float64], predicted: NDArray[np.float64], outer: NDArray[np.bool_]) -> Table:
    error = np.abs(actual - predicted)
    rows = []
    for name, chosen in (("inner rows", ~outer), ("outer rows", outer)):
        errors = error[chosen & np.isfinite(error)]
        sizes = (np.sqrt(np.mean(errors**2)), errors.max()) if len(errors) else (np.nan, np.nan)
        rows.append((Entry(name), Entry(number(int(chosen.sum()))), *(Entry(number(float(s))) for s in sizes)))
    return Table(
        "Errors of the formula refitted on all rows, in the target's units",
        ("rows", "count", "root mean square", "largest"),
        tuple(rows),
    )
