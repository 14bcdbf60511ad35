"""Curves over a quantity: one panel per line, the other lines of its group in grey, one scale for all."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from extrapolate.report.figures import svg
from extrapolate.report.figures.axis import PERCENT, Axis, axis_for
from extrapolate.report.figures.figure import Entry, Figure, Group, Key, Panel, Table
from extrapolate.report.files import Folder, extra_table
from extrapolate.report.words import interval, number, printable, short_number, shorten

FILE = "curves.parquet"
TEXTS = ("title", "lead", "x_name", "y_name", "group", "line")
NUMBERS = ("x", "y", "low", "high")

WIDTH, HEIGHT = 300.0, 200.0
LEFT, RIGHT, BOTTOM, TOP = 46.0, 14.0, 44.0, 10.0


@dataclass(frozen=True)
class Line:
    """A curve. ``points``: (x, y, low, high), sorted by x; y is None if it is not finite."""

    name: str
    points: tuple[tuple[float, float | None, float | None, float | None], ...]

    @property
    def finite_points(self) -> list[tuple[float, float]]:
        return [(x, y) for x, y, _, _ in self.points if y is not None]


def curves(folder: Folder) -> Figure | None:
    frame = _frame(folder)
    if frame is None:
        return None
    title, lead, x_name, y_name = (printable(str(frame[name][0] or "")) for name in TEXTS[:4])
    groups = [
        _group(printable(str(name)), rows, x_name, y_name, f"curves-{index}")
        for index, ((name,), rows) in enumerate(frame.group_by("group", maintain_order=True))
    ]
    keys = (Key("all", "this line, with its 95 % interval"), Key("other", "the other lines of the group"))
    return Figure("curves", title, lead, tuple(groups), keys)


def _frame(folder: Folder) -> pl.DataFrame | None:
    frame = extra_table(folder, FILE, (*TEXTS, *NUMBERS))
    if frame is None:
        return None
    frame = frame.with_columns(pl.col(*NUMBERS).cast(pl.Float64, strict=False)).filter(pl.col("x").is_finite())
    return frame if frame.height else None


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _line(name: str, rows: pl.DataFrame) -> Line:
    points = rows.sort("x").select(NUMBERS).iter_rows()
    return Line(name, tuple((x, *map(_finite, rest)) for x, *rest in points))  # pyright: ignore


def _group(name: str, rows: pl.DataFrame, x_name: str, y_name: str, prefix: str) -> Group:
    lines = [_line(printable(str(line)), own) for (line,), own in rows.group_by("line", maintain_order=True)]
    across = axis_for(x for line in lines for x, *_ in line.points)
    values = [value for line in lines for _, *rest in line.points for value in rest if value is not None]
    up = PERCENT if y_name.startswith("share") else axis_for(values)
    panels = []
    for index, line in enumerate(lines):
        points = "; ".join(f"{number(x)}: {'–' if y is None else number(y)}" for x, y, _, _ in line.points)
        label = f"{y_name} of {line.name} by {x_name}, {name}. {points}"
        drawing = _panel(line, lines, across, up, x_name, label, f"{prefix}-{index}")
        panels.append(Panel(line.name, y_name, drawing))
    return Group(name, tuple(panels), _table(name, lines, x_name, y_name))


def _panel(line: Line, lines: Sequence[Line], across: Axis, up: Axis, x_name: str, label: str, prefix: str) -> Markup:
    with svg.drawing():
        canvas = Canvas(figsize=(WIDTH / 72, HEIGHT / 72))
        inside = (WIDTH - LEFT - RIGHT) / WIDTH, (HEIGHT - BOTTOM - TOP) / HEIGHT
        axes = canvas.add_axes((LEFT / WIDTH, BOTTOM / HEIGHT, *inside))
        for other in lines:
            if other is not line:
                axes.plot(*_positions(other.finite_points, across, up), color=svg.NONE, linewidth=1.0, alpha=0.45)
        _whiskers(axes, line, across, up)
        axes.plot(
            *_positions(line.finite_points, across, up), color=svg.ALL, linewidth=2.0, marker="o", markersize=4.5
        )
        _dress(axes, across, up, x_name)
        return svg.to_svg(canvas, label, prefix)


def _positions(points: Sequence[tuple[float, float]], across: Axis, up: Axis) -> tuple[list[float], list[float]]:
    return [across.share(x) for x, _ in points], [up.share(y) for _, y in points]


def _whiskers(axes: Axes, line: Line, across: Axis, up: Axis) -> None:
    for x, y, low, high in line.points:
        if y is not None and low is not None and high is not None:
            position = across.share(x)
            axes.plot([position, position], [up.share(low), up.share(high)], color=svg.ALL, linewidth=1.2, alpha=0.7)


def _dress(axes: Axes, across: Axis, up: Axis, x_name: str) -> None:
    """Set both axes to [0, 1], with the ticks of the group's scales."""
    axes.set_xlim(-0.03, 1.03)
    axes.set_ylim(-0.04, 1.04)
    axes.set_xticks([across.share(tick) for tick, _ in across.ticks], [text for _, text in across.ticks])
    axes.set_yticks([up.share(tick) for tick, _ in up.ticks], [text for _, text in up.ticks])
    axes.set_xlabel(shorten(x_name, 44), labelpad=6)
    axes.tick_params(length=0, pad=6)
    axes.set_axisbelow(True)
    axes.grid(color=svg.GRID, linewidth=0.8)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _table(name: str, lines: Sequence[Line], x_name: str, y_name: str) -> Table:
    positions = sorted({x for line in lines for x, *_ in line.points})
    by_x = [{x: rest for x, *rest in line.points} for line in lines]
    rows = tuple(
        (Entry(short_number(x) if abs(x) < 1 else number(x)), *(_entry(own.get(x)) for own in by_x))
        for x in positions
    )
    return Table(f"{y_name}, {name}", (x_name, *(line.name for line in lines)), rows)


def _entry(point: Sequence[float | None] | None) -> Entry:
    if point is None or point[0] is None:
        return Entry("–")
    return Entry(number(point[0]), interval(point[1], point[2]))
