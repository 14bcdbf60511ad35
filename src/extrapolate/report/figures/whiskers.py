"""A dot with its 95 % interval for every range: one panel per unit, the same scale in every panel."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from extrapolate.report.figures import svg
from extrapolate.report.figures.axis import Axis
from extrapolate.report.figures.figure import Key, Outcome
from extrapolate.report.words import shorten

WIDTH, ROW, TOP, BOTTOM, RIGHT = 360.0, 23.0, 6.0, 28.0, 52.0
COLOURS: dict[Outcome, str] = {"all": svg.ALL, "some": svg.SOME, "none": svg.NONE}
MARKERS: dict[Outcome, str] = {"all": "o", "some": "D", "none": "X"}
KEYS = (
    Key("all", "solved by every model"),
    Key("some", "solved by some models"),
    Key("none", "solved by no model"),
    Key("whisker", "95 % interval"),
)


@dataclass(frozen=True)
class Whisker:
    """A row of a panel, empty if `value` is None; `note` is printed at its right end."""

    label: str
    value: float | None
    low: float | None
    high: float | None
    note: str
    outcome: Outcome


def outcome(success_rate: float | None) -> Outcome:
    if not success_rate:
        return "none"
    return "all" if success_rate == 1 else "some"


def finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None


def panel(rows: Sequence[Whisker], axis: Axis, label: str, prefix: str, stem: bool = False) -> Markup:
    """Draw `rows` from top to bottom; with `stem`, a line connects each dot to the left end of the axis."""
    height = TOP + BOTTOM + ROW * len(rows)
    names = [shorten(row.label, 16) for row in rows]
    left = 18 + 6.9 * max(map(len, names), default=0)
    with svg.drawing():
        canvas = Canvas(figsize=(WIDTH / 72, height / 72))
        area = (left / WIDTH, BOTTOM / height, (WIDTH - left - RIGHT) / WIDTH, ROW * len(rows) / height)
        axes = canvas.add_axes(area)
        _scale(axes, axis, names)
        for index, row in enumerate(rows):
            _draw(axes, axis, index, row, stem)
        return svg.to_svg(canvas, label, prefix)


def _scale(axes: Axes, axis: Axis, names: Sequence[str]) -> None:
    if axis.log:
        axes.set_xscale("log")
    axes.set_xlim(axis.low, axis.high)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xticks([tick for tick, _ in axis.ticks], [text for _, text in axis.ticks])
    axes.set_xticks([], minor=True)
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(axis="y", length=0, pad=10)
    axes.tick_params(axis="x", length=0, pad=6)
    axes.set_axisbelow(True)
    axes.grid(axis="x", color=svg.GRID, linewidth=0.8)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _draw(axes: Axes, axis: Axis, index: int, row: Whisker, stem: bool) -> None:
    colour = COLOURS[row.outcome]
    axes.plot([axis.low, axis.high], [index, index], color=svg.GRID, linewidth=0.8, zorder=0)
    axes.annotate(
        row.note,
        (1, index),
        (9, 0),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        va="center",
        color=svg.INK if row.value is not None else svg.MUTED,
        fontsize=10.5,
    )
    value, low, high = finite(row.value), finite(row.low), finite(row.high)
    if value is None:
        return
    value = axis.clamp(value)
    if stem and value > axis.low:
        axes.plot([axis.low, value], [index, index], color=colour, linewidth=1.2, alpha=0.45, zorder=1)
    if low is not None and high is not None:
        ends = [axis.clamp(low), axis.clamp(high)]
        (band,) = axes.plot(ends, [index, index], color=colour, linewidth=5, alpha=0.3, zorder=2)
        band.set_solid_capstyle("round")
    axes.plot(
        [value],
        [index],
        MARKERS[row.outcome],
        color=colour,
        markersize=8 if row.outcome == "none" else 7.5,
        markeredgecolor=svg.PAPER,
        markeredgewidth=1,
        clip_on=False,
        zorder=3,
    )
