"""Write the page of a fit: a self-contained `report.html` in the folder of the fit."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import polars as pl
from markupsafe import Markup

from extrapolate.report.figures.fit_points import fit_points
from extrapolate.report.files import ReportError
from extrapolate.report.fit_words import coefficient_error, coefficient_value, evidence, headline, short
from extrapolate.report.shell import environment, publish
from extrapolate.report.words import printable

#: Allowed MathML elements; a formula with any other element is not rendered as MathML.
MATHML = {"mrow", "mi", "mn", "mo", "mfrac", "msup", "msub", "msqrt", "mroot", "mfenced"}

#: Maximum number of characters of a candidate; longer ones are sums of many terms.
WIDEST = 240


def write_fit_page(folder: Path) -> Path:
    """Write `folder/report.html` from fit.json and points.parquet, and return its path.

    Raises:
        ReportError: a file is missing or damaged.
    """
    try:
        fit = json.loads((folder / "fit.json").read_text(encoding="utf-8"))
        points = pl.read_parquet(folder / "points.parquet")
        text = render(_printable(fit), points)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, pl.exceptions.PolarsError) as error:
        raise ReportError(
            f"{folder}: is not the folder of `extrapolate fit` ({error}); choose another folder"
        ) from error
    return publish(folder, text)


def render(fit: dict[str, Any], points: pl.DataFrame) -> str:
    """Return the page as HTML."""
    templates = environment()
    templates.globals.update(
        coefficient_error=coefficient_error,
        coefficient_value=coefficient_value,
        short=lambda text: short(text, WIDEST),
    )
    templates.filters["capitalize_first"] = lambda text: text[:1].upper() + text[1:]
    return templates.get_template("fit.html.j2").render(
        fit=fit,
        headline=headline(fit),
        evidence=evidence(fit),
        mathml=mathml(fit["mathml"]),
        figures=[fit_points(fit, points)],
    )


def mathml(text: str | None) -> Markup | None:
    """Return the MathML without attributes; None if it is invalid or has an element that is not allowed."""
    if not text:
        return None
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        return None
    if not {element.tag for element in root.iter()} <= MATHML:
        return None
    for element in root.iter():
        element.attrib.clear()
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _printable(value: Any) -> Any:
    """Return ``value`` with all texts made printable: on one line, without control characters."""
    if isinstance(value, dict):
        return {printable(key): _printable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_printable(item) for item in value]
    return printable(value) if isinstance(value, str) else value
