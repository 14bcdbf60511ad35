"""A field over the plane of two inputs as colour and contours, the training square outlined."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from extrapolate.report.figures import svg
from extrapolate.report.figures.grid import Array, Grid
from extrapolate.report.words import short_number

WIDTH, HEIGHT = 360.0, 312.0
PLANE = (0.135, 0.115, 0.69, 0.86)
BAR = (0.855, 0.115, 0.03, 0.86)
SMALLEST_ERROR = 1e-9


@dataclass(frozen=True)
class Scale:
    """Values to colours; beyond the ends the colour stays that of the end."""

    colours: str
    low: float
    high: float
    log: bool
    ticks: tuple[float, ...]

    @property
    def norm(self) -> Normalize:
        return (LogNorm if self.log else Normalize)(self.low, self.high, clip=True)


def value_scale(true: Array) -> Scale:
    """From the true values alone, without a quotient's far tails: what a model makes up cannot stretch it."""
    finite = true[np.isfinite(true)]
    low, high = np.percentile(finite, [1, 99]) if finite.size else (0.0, 1.0)
    if not low < high:
        low, high = low - 0.5, low + 0.5
    steps = MaxNLocator(7, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    return Scale("viridis", float(steps[0]), float(steps[-1]), False, tuple(float(step) for step in steps))


def error_scale(errors: Sequence[Array]) -> Scale:
    """One log scale for all the models shown, so that a good model looks as good as it is."""
    whole = np.concatenate([field.ravel() for field in errors])
    positive = whole[np.isfinite(whole) & (whole > SMALLEST_ERROR)]
    low = math.floor(math.log10(np.percentile(positive, 2))) if positive.size else -9
    high = max(low + 2, min(3, math.ceil(math.log10(positive.max())))) if positive.size else 0
    every = max(1, math.ceil((high - low) / 6))
    return Scale("YlOrBr", 10.0**low, 10.0**high, True, tuple(10.0**e for e in range(low, high + 1, every)))


def heatmap(grid: Grid, field: Array, scale: Scale, label: str, prefix: str) -> Markup:
    with svg.drawing():
        canvas = Canvas(figsize=(WIDTH / 72, HEIGHT / 72))
        axes = canvas.add_axes(PLANE)
        _colours(axes, grid, field, scale)
        _training_square(axes, grid)
        for ticks, place in ((axes.set_xticks, grid.x0), (axes.set_yticks, grid.x1)):
            steps = [s for s in MaxNLocator(5).tick_values(place[0], place[-1]) if place[0] <= s <= place[-1]]
            ticks(steps, [short_number(step) for step in steps])
        axes.tick_params(length=0, pad=5, labelcolor=svg.MUTED, labelsize=11)
        axes.set_xlabel("a", labelpad=1)
        axes.set_ylabel("b", rotation=0, labelpad=3, va="center")
        for spine in axes.spines.values():
            spine.set_visible(False)
        _bar(canvas.add_axes(BAR), scale)
        return svg.to_svg(canvas, label, prefix)


def _colours(axes: Axes, grid: Grid, field: Array, scale: Scale) -> None:
    halves = [(place[1] - place[0]) / 2 for place in (grid.x0, grid.x1)]
    sides = ((grid.x0, halves[0]), (grid.x1, halves[1]))
    extent = [end for place, half in sides for end in (place[0] - half, place[-1] + half)]
    shown = np.where(field > 0, field, scale.low) if scale.log else field
    shown = np.ma.masked_invalid(np.where(np.isnan(field), np.nan, shown))
    axes.set_facecolor(svg.GRID)
    axes.imshow(
        shown,
        cmap=scale.colours,
        norm=scale.norm,
        extent=(extent[0], extent[1], extent[2], extent[3]),
        origin="lower",
        aspect="auto",
        interpolation="nearest" if scale.log else "bilinear",  # on a log scale a single point may matter
    )
    if not scale.log:
        levels = [tick for tick in scale.ticks if shown.min() < tick < shown.max()]
        if levels and shown.count() == shown.size:
            axes.contour(grid.x0, grid.x1, shown, levels=levels, colors="#ffffff", linewidths=0.9, alpha=0.75)
    axes.set_xlim(extent[0], extent[1])
    axes.set_ylim(extent[2], extent[3])


def _training_square(axes: Axes, grid: Grid) -> None:
    low, high = grid.train
    for colour, width, dashes in (("#ffffff", 3.4, "solid"), ("#111111", 1.5, (0, (3, 2)))):
        square = Rectangle((low, low), high - low, high - low, linewidth=width, linestyle=dashes)
        square.set(fill=False, edgecolor=colour)
        axes.add_patch(square)


def _bar(axes: Axes, scale: Scale) -> None:
    ramp = np.linspace(0, 1, 64)[:, None]
    axes.imshow(ramp, cmap=scale.colours, origin="lower", aspect="auto", extent=(0, 1, 0, 1))
    places = np.interp(_transform(scale, scale.ticks), _transform(scale, (scale.low, scale.high)), (0, 1))
    axes.set_yticks(places, [short_number(tick) for tick in scale.ticks])
    axes.yaxis.tick_right()
    axes.set_xticks([])
    axes.tick_params(length=0, pad=4, labelcolor=svg.MUTED, labelsize=11)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _transform(scale: Scale, values: Sequence[float]) -> Array:
    return np.log10(values) if scale.log else np.asarray(values, dtype=float)
