"""Data classes of a figure: groups of small panels that wrap with the page width, each with a table."""

from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

Outcome = Literal["all", "some", "none"]
"""Whether all, some or no models of a cell are solved. Each outcome has its own colour and shape."""


@dataclass(frozen=True)
class Entry:
    """A cell of a table. `share` in [0, 1] is its shade; `note` is printed small below the text."""

    text: str
    note: str = ""
    share: float | None = None


@dataclass(frozen=True)
class Table:
    """The numbers behind the panels. The first entry of a row is its name."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Entry, ...], ...]


@dataclass(frozen=True)
class Panel:
    """One drawing: an inline SVG whose label describes its contents."""

    title: str
    note: str
    svg: Markup


@dataclass(frozen=True)
class Group:
    """Panels that belong together (one operation, one model), with their table."""

    title: str
    panels: tuple[Panel, ...]
    table: Table
    table_first: bool = False
    note: str = ""


@dataclass(frozen=True)
class Key:
    """A line of the legend; `mark` is a CSS class."""

    mark: str
    text: str


@dataclass(frozen=True)
class Figure:
    id: str
    title: str
    lead: str
    groups: tuple[Group, ...]
    keys: tuple[Key, ...] = ()
