"""Scatter plot of the rows of a table: inner rows as dots, outer rows as diamonds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from extrapolate.report.figures import svg
from extrapolate.report.figures.figure import Key
from extrapolate.report.words import short_number, shorten

WIDTH, HEIGHT = 360.0, 300.0
LEFT, RIGHT, BOTTOM, TOP = 58.0, 14.0, 46.0, 10.0
KEYS = (Key("all", "inner rows"), Key("some", "outer rows (held out while formulas were compared)"))


@dataclass(frozen=True)
class Scatter:
    """The points of a scatter plot.

    Attributes:
        x, y: (N,), finite.
        outer: (N,), True for outer rows.
        x_name: name of the horizontal axis.
        line: the line of exact points, "diagonal" or "zero".
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    outer: NDArray[np.bool_]
    x_name: str
    line: str


def scatter(points: Scatter, label: str, prefix: str) -> Markup:
    with svg.drawing():
        canvas = Canvas(figsize=(WIDTH / 72, HEIGHT / 72))
        inside = (WIDTH - LEFT - RIGHT) / WIDTH, (HEIGHT - BOTTOM - TOP) / HEIGHT
        axes = canvas.add_axes((LEFT / WIDTH, BOTTOM / HEIGHT, *inside))
        _reference(axes, points)
        groups: Sequence[tuple[NDArray[np.bool_], str, str, float]] = (
            (~points.outer, svg.ALL, "o", 3.4),
            (points.outer, svg.SOME, "D", 3.6),
        )
        for rows, colour, marker, size in groups:
            axes.plot(
                points.x[rows],
                points.y[rows],
                linestyle="",
                marker=marker,
                markersize=size,
                markeredgewidth=0,
                color=colour,
                alpha=0.6,
            )
        dress(axes, points.x_name)
        return svg.to_svg(canvas, label, prefix)


def _reference(axes: Axes, points: Scatter) -> None:
    if points.line == "zero":
        axes.axhline(0.0, color=svg.MUTED, linewidth=1.2)
    elif len(points.x):
        ends = [
            float(min(points.x.min(), points.y.min())),
            float(max(points.x.max(), points.y.max())),
        ]
        axes.plot(ends, ends, color=svg.MUTED, linewidth=1.2)


def dress(axes: Axes, x_name: str) -> None:
    """Format the axes with few, short numbers; the caption names the vertical axis."""
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(5))
        axis.set_major_formatter(FuncFormatter(lambda value, _: short_number(value)))
    axes.set_xlabel(shorten(x_name, 44), labelpad=7)
    axes.tick_params(length=0, pad=6)
    axes.set_axisbelow(True)
    axes.grid(color=svg.GRID, linewidth=0.8)
    for spine in axes.spines.values():
        spine.set_visible(False)
