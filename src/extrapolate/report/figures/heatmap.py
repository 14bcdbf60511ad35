"""A field over two inputs as colours and contours, with the outline of the training square."""

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
    """Maps values to colours; values beyond an end get the colour of that end."""

    colours: str
    low: float
    high: float
    log: bool
    ticks: tuple[float, ...]

    @property
    def norm(self) -> Normalize:
        return (LogNorm if self.log else Normalize)(self.low, self.high, clip=True)


def value_scale(true: Array) -> Scale:
    """Return a scale from the true values only (percentiles 1 to 99), so that wrong outputs do not stretch it."""
    finite = true[np.isfinite(true)]
    low, high = np.percentile(finite, [1, 99]) if finite.size else (0.0, 1.0)
    if not low < high:
        low, high = low - 0.5, low + 0.5
    steps = MaxNLocator(7, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    return Scale("viridis", float(steps[0]), float(steps[-1]), False, tuple(float(step) for step in steps))


def error_scale(errors: Sequence[Array]) -> Scale:
    """Return one log scale for all models of the figure, so that they can be compared."""
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
        for ticks, side in ((axes.set_xticks, grid.x0), (axes.set_yticks, grid.x1)):
            steps = [s for s in MaxNLocator(5).tick_values(side[0], side[-1]) if side[0] <= s <= side[-1]]
            ticks(steps, [short_number(step) for step in steps])
        axes.tick_params(length=0, pad=5, labelcolor=svg.MUTED, labelsize=11)
        axes.set_xlabel("a", labelpad=1)
        axes.set_ylabel("b", rotation=0, labelpad=3, va="center")
        for spine in axes.spines.values():
            spine.set_visible(False)
        _bar(canvas.add_axes(BAR), scale)
        return svg.to_svg(canvas, label, prefix)


def _colours(axes: Axes, grid: Grid, field: Array, scale: Scale) -> None:
    halves = [(side[1] - side[0]) / 2 for side in (grid.x0, grid.x1)]
    sides = ((grid.x0, halves[0]), (grid.x1, halves[1]))
    extent = [end for side, half in sides for end in (side[0] - half, side[-1] + half)]
    image = np.where(field > 0, field, scale.low) if scale.log else field
    image = np.ma.masked_invalid(np.where(np.isnan(field), np.nan, image))
    axes.set_facecolor(svg.GRID)
    axes.imshow(
        image,
        cmap=scale.colours,
        norm=scale.norm,
        extent=(extent[0], extent[1], extent[2], extent[3]),
        origin="lower",
        aspect="auto",
        interpolation="nearest" if scale.log else "bilinear",  # with a log scale, keep single points visible
    )
    if not scale.log:
        levels = [tick for tick in scale.ticks if image.min() < tick < image.max()]
        if levels and image.count() == image.size:
            axes.contour(grid.x0, grid.x1, image, levels=levels, colors="#ffffff", linewidths=0.9, alpha=0.75)
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
    positions = np.interp(_transform(scale, scale.ticks), _transform(scale, (scale.low, scale.high)), (0, 1))
    axes.set_yticks(positions, [short_number(tick) for tick in scale.ticks])
    axes.yaxis.tick_right()
    axes.set_xticks([])
    axes.tick_params(length=0, pad=4, labelcolor=svg.MUTED, labelsize=11)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _transform(scale: Scale, values: Sequence[float]) -> Array:
    return np.log10(values) if scale.log else np.asarray(values, dtype=float)
