"""The error of every candidate formula against its number of parts."""

from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from extrapolate.report.figures import svg
from extrapolate.report.figures.axis import LOG_FROM
from extrapolate.report.figures.scatter import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, dress
from extrapolate.report.words import number, short_number

#: Errors below this are rounding.
ROUNDING = 1e-17


def error_front(candidates: list[dict[str, Any]], prefix: str) -> Markup:
    """Draw the front. ``candidates``: as in fit.json; the chosen one has cost 0."""
    points = sorted(
        (each["complexity"], max(_error(each), ROUNDING), not each["cost"])
        for each in candidates
        if each["inner_error"] is not None
    )
    values = "; ".join(
        f"{parts} parts: {number(error)}{', chosen' if chosen else ''}" for parts, error, chosen in points
    )
    with svg.drawing():
        canvas = Canvas(figsize=(WIDTH / 72, HEIGHT / 72))
        inside = (WIDTH - LEFT - RIGHT) / WIDTH, (HEIGHT - BOTTOM - TOP) / HEIGHT
        axes = canvas.add_axes((LEFT / WIDTH, BOTTOM / HEIGHT, *inside))
        for parts, error, chosen in points:
            colour, marker, size = (svg.ALL, "o", 9) if chosen else (svg.NONE, "o", 5)
            axes.plot([parts], [error], marker=marker, markersize=size, markeredgewidth=0, color=colour)
        dress(axes, "parts of the formula")
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        errors = [error for _, error, _ in points]
        if errors and max(errors) > LOG_FROM * min(errors):
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(numticks=6))
            axes.yaxis.set_minor_locator(NullLocator())
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: short_number(value)))
        else:
            axes.set_ylim(0, 1.15 * max(errors, default=1.0))
        axes.margins(x=0.09)
        return svg.to_svg(canvas, f"Error against number of parts. {values}", prefix)


def _error(candidate: dict[str, Any]) -> float:
    return max(candidate["inner_error"], candidate["outer_error"] or 0.0)
