"""Shared by all pages: the Jinja environment with the CSS, and the atomic write."""

from datetime import datetime
from importlib import resources
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from extrapolate._runtime.files import write_text
from extrapolate.report import words
from extrapolate.report.files import ReportError

#: File name of the page of a folder.
PAGE = "report.html"


def environment() -> Environment:
    """Return an environment that escapes all text and has ``words``, ``css`` and the filter ``moment``."""
    templates = Environment(
        loader=PackageLoader("extrapolate.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    css = resources.files("extrapolate.report").joinpath("templates/style.css").read_text(encoding="utf-8")
    templates.globals.update(words=words, css=Markup(css))
    templates.filters["moment"] = moment
    return templates


def publish(folder: Path, text: str) -> Path:
    """Write `folder/report.html` atomically and return its path."""
    page = Path(folder) / PAGE
    try:
        write_text(page, text)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ReportError(f"{page}: cannot be written ({reason}); free some space or allow writing") from error
    return page


def moment(iso: str) -> str:
    """Return an ISO time in readable form; return any other text unchanged."""
    try:
        return datetime.fromisoformat(iso).strftime("%d %B %Y, %H:%M %Z").strip().lstrip("0")
    except ValueError:
        return iso
