"""What all pages share: the templates' environment with its style sheet, and the last move to disk."""

from datetime import datetime
from importlib import resources
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from extrapolate._runtime.files import write_text
from extrapolate.report import words
from extrapolate.report.files import ReportError

#: The page of a folder.
PAGE = "report.html"


def environment() -> Environment:
    """Templates escape everything and know ``words``, ``css`` and the filter ``moment``."""
    made = Environment(
        loader=PackageLoader("extrapolate.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    css = resources.files("extrapolate.report").joinpath("templates/style.css").read_text(encoding="utf-8")
    made.globals.update(words=words, css=Markup(css))
    made.filters["moment"] = moment
    return made


def publish(folder: Path, text: str) -> Path:
    """Write `folder/report.html` and return its path. The old page stays until the new one is whole."""
    page = Path(folder) / PAGE
    try:
        write_text(page, text)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ReportError(f"{page}: cannot be written ({reason}); make room or allow writing") from error
    return page


def moment(iso: str) -> str:
    """An ISO moment for a reader; any other text as it is."""
    try:
        return datetime.fromisoformat(iso).strftime("%d %B %Y, %H:%M %Z").strip().lstrip("0")
    except ValueError:
        return iso
