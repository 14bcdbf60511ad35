"""Write the page of a run: a self-contained `report.html` in the folder of the run."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from extrapolate.report import words
from extrapolate.report.figures import FIGURES
from extrapolate.report.figures.axis import PERCENT, axis_for
from extrapolate.report.files import Claim, Folder, amount, read
from extrapolate.report.headline import headline
from extrapolate.report.shell import environment, publish

MEASURES = {"success_rate": "success rate", "solved_at": "steps to solve", "sparsity_error": "sparsity error"}

#: Maximum number of findings that are not folded.
CARDS = 12


@dataclass(frozen=True)
class Gauge:
    """The numbers of a claim as positions on a bar, in percent of its width."""

    published: float | None
    measured: float | None
    low: float | None
    width: float | None
    ends: tuple[str, str]


@dataclass(frozen=True)
class ShownFindings:
    """The findings shown as cards, and those that are folded."""

    cards: Sequence[Claim]
    folded: Sequence[Claim]


def write_page(folder: Path) -> Path:
    """Write `folder/report.html` atomically and return its path."""
    return publish(folder, render(read(folder)))


def render(folder: Folder) -> str:
    """Return the page of `folder` as HTML."""
    templates = environment()
    templates.globals.update(gauge=gauge, measures=MEASURES)
    figures = [figure for draw in FIGURES if (figure := draw(folder)) is not None]
    return templates.get_template("page.html.j2").render(
        folder=folder,
        run=folder.manifest,
        headline=headline(folder),
        shown=split_findings(folder.findings),
        figures=figures,
        models=_models(folder),
    )


def split_findings(findings: Sequence[Claim]) -> ShownFindings:
    """Return at most ``CARDS`` cards, those that do not hold first; if all fit, keep the order of the file."""
    if len(findings) <= CARDS:
        return ShownFindings(findings, ())
    ordered = sorted(findings, key=lambda claim: {False: 0, True: 1, None: 2}[claim.holds])
    return ShownFindings(ordered[:CARDS], ordered[CARDS:])


def _models(folder: Folder) -> int | None:
    if folder.results is None or "solved" not in folder.results.columns:
        return None  # each row is a measurement, and a model has several
    return folder.results.height


def gauge(claim: Claim) -> Gauge | None:
    """Return the bar of a claim with finite numbers and an interval, else None."""
    low, high = claim.interval or (None, None)
    published, measured = amount(claim.published), amount(claim.measured)
    known = [item for item in (published, measured, low, high) if item is not None]
    if low is None or high is None or not all(abs(item) < 1e300 for item in known):
        return None
    axis = PERCENT if min(known) >= 0 and max(known) <= 1 else axis_for(known)

    def percent(item: float | None) -> float | None:
        return None if item is None else round(100 * axis.share(item), 2)

    left, right = axis.share(low), axis.share(high)
    ends = words.number(axis.low), words.number(axis.high)
    return Gauge(percent(published), percent(measured), percent(low), round(100 * (right - left), 2), ends)
