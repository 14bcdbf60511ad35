"""Curves of the page: how a measure changes with a quantity (length, learning rate, size of numbers)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from extrapolate.stats import Estimate, student

TEXTS, NUMBERS = ("title", "lead", "x_name", "y_name", "group", "line"), ("x", "y", "low", "high")
SCHEMA = dict.fromkeys(TEXTS, pl.String) | dict.fromkeys(NUMBERS, pl.Float64) | {"n": pl.Int64}


@dataclass(frozen=True)
class Curve:
    """A line of the figure: ``points`` are (x, estimate). Each ``group`` is a panel; all have the same scale."""

    group: str
    line: str
    points: Sequence[tuple[float, Estimate]]


def curves_table(title: str, lead: str, x_name: str, y_name: str, curves: Sequence[Curve]) -> pl.DataFrame:
    """Make the table of a figure.

    ``lead``: one or two sentences below the title. ``x_name`` and ``y_name`` include their units; a ``y_name`` that
    starts with "share of" gets an axis in percent.
    """
    lines = [
        (title, lead, x_name, y_name, curve.group, curve.line, x, each.value, each.low, each.high, each.n)
        for curve in curves
        for x, each in curve.points
    ]
    return pl.DataFrame(lines, schema=SCHEMA, orient="row")


def curves_by(
    results: pl.DataFrame,
    x: str,
    estimate: Callable[[pl.DataFrame], Estimate],
    *,
    group: str = "task",
    line: str = "model",
) -> list[Curve]:
    """Return one curve per ``group`` and ``line`` of the results; a point per ``x`` is ``estimate`` of its rows."""
    found = []
    for (group_name, line_name), rows in results.group_by(group, line, maintain_order=True):
        points = [(float(at), estimate(own)) for (at,), own in rows.sort(x).group_by(x, maintain_order=True)]
        found.append(Curve(str(group_name), str(line_name), points))
    return found


def curves_across(results: pl.DataFrame, columns: Mapping[float, str]) -> list[Curve]:
    """Return one curve per task and model of the results. Each point is the mean of a column; ``columns`` by x."""
    return [
        Curve(str(operation), str(unit), [(x, student(rows[name].to_numpy())) for x, name in columns.items()])
        for (operation, unit), rows in results.group_by("task", "model", maintain_order=True)
    ]
