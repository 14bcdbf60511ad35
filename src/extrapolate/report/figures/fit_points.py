"""The rows a formula was fitted on: what it predicts against what is there, and what it leaves."""

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from extrapolate.report.figures.error_front import error_front
from extrapolate.report.figures.figure import Entry, Figure, Group, Panel, Table
from extrapolate.report.figures.scatter import KEYS, Scatter, scatter
from extrapolate.report.words import number

#: Points drawn, at most; the numbers below are of all rows.
DRAWN = 700


def fit_points(fit: dict[str, Any], points: pl.DataFrame) -> Figure:
    """``points``: actual, predicted, outer; a row a row of the table."""
    actual, predicted = (points[name].cast(pl.Float64).to_numpy() for name in ("actual", "predicted"))
    outer = points["outer"].cast(pl.Boolean).to_numpy()
    finite = np.isfinite(actual) & np.isfinite(predicted)
    rows = np.flatnonzero(finite)
    drawn = rows if len(rows) <= DRAWN else np.random.default_rng(0).choice(rows, DRAWN, replace=False)
    what = "the formula" if fit["found"] else "the best sum of columns"
    table = _table(actual, predicted, outer)
    told = "; ".join(f"{row[0].text}: {row[2].text}" for row in table.rows)
    parity = Scatter(actual[drawn], predicted[drawn], outer[drawn], f"{fit['target']} in the table", "diagonal")
    left = Scatter(predicted[drawn], (actual - predicted)[drawn], outer[drawn], "predicted", "zero")
    panels = (
        Panel("Predicted", "against the table", scatter(parity, f"Predicted against actual. {told}", "parity")),
        Panel("What is left", "table − predicted", scatter(left, f"Residuals. {told}", "residual")),
        Panel("What more parts buy", "error", error_front(fit["candidates"], "front")),
    )
    shown = "" if len(drawn) == len(actual) else f" {number(len(drawn))} of {number(len(actual))} rows are drawn."
    return Figure(
        id="rows",
        title="The rows",
        lead=f"What {what} says of every row, what it leaves, and what longer formulas would gain.{shown}",
        groups=(Group(_verdict(fit), panels, table),),
        keys=KEYS,
    )


def _verdict(fit: dict[str, Any]) -> str:
    if not fit["found"]:
        return "Off the line: nothing here explains the target well enough"
    if fit["certificate"]["exact"]:
        return "On the line, and nothing left"
    return "Along the line, and what is left is noise"


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
