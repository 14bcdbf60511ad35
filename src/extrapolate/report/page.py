"""Puts a run's folder on one self-contained page: `report.html` beside the files it was made of."""

import os
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from extrapolate.report import words
from extrapolate.report.figures import FIGURES
from extrapolate.report.figures.axis import PERCENT, axis_for
from extrapolate.report.files import Claim, Folder, ReportError, amount, read
from extrapolate.report.headline import headline

PAGE = "report.html"
MEASURES = {"success_rate": "success rate", "solved_at": "steps to solve", "sparsity_error": "sparsity error"}


@dataclass(frozen=True)
class Gauge:
    """Where a claim's numbers lie, in percent of a bar as wide as all of them."""

    published: float | None
    measured: float | None
    low: float | None
    width: float | None
    ends: tuple[str, str]


def write_page(folder: Path) -> Path:
    """Write `folder/report.html` and return its path. The old page stays until the new one is whole."""
    page = Path(folder) / PAGE
    text = render(read(folder))
    unfinished = page.with_name(f".{PAGE}.{os.getpid()}.tmp")
    try:
        unfinished.write_text(text, encoding="utf-8")
        os.replace(unfinished, page)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ReportError(f"{page}: cannot be written ({reason}); make room or allow writing") from error
    finally:
        unfinished.unlink(missing_ok=True)
    return page


def render(folder: Folder) -> str:
    """The page of `folder` as a string of HTML."""
    environment = Environment(
        loader=PackageLoader("extrapolate.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    css = resources.files("extrapolate.report").joinpath("templates/style.css").read_text(encoding="utf-8")
    environment.globals.update(words=words, gauge=gauge, measures=MEASURES, css=Markup(css))
    environment.filters["moment"] = moment
    figures = [figure for draw in FIGURES if (figure := draw(folder)) is not None]
    return environment.get_template("page.html.j2").render(
        folder=folder, run=folder.manifest, headline=headline(folder), figures=figures, models=_models(folder)
    )


def _models(folder: Folder) -> int | None:
    return None if folder.results is None else folder.results.height


def moment(iso: str) -> str:
    """An ISO moment for a reader; any other text as it is."""
    try:
        return datetime.fromisoformat(iso).strftime("%d %B %Y, %H:%M %Z").strip().lstrip("0")
    except ValueError:
        return iso


def gauge(claim: Claim) -> Gauge | None:
    """A bar for claims whose numbers can be laid side by side, else None."""
    low, high = claim.interval or (None, None)
    published, measured = amount(claim.published), amount(claim.measured)
    known = [item for item in (published, measured, low, high) if item is not None]
    if low is None or high is None or not all(abs(item) < 1e300 for item in known):
        return None
    axis = PERCENT if min(known) >= 0 and max(known) <= 1 else axis_for(known)

    def place(item: float | None) -> float | None:
        return None if item is None else round(100 * axis.share(item), 2)

    left, right = axis.share(low), axis.share(high)
    ends = words.number(axis.low), words.number(axis.high)
    return Gauge(place(published), place(measured), place(low), round(100 * (right - left), 2), ends)
