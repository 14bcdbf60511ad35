"""What a figure is to the page: groups of small drawings that flow with the width, each with its table."""

from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

Outcome = Literal["all", "some", "none"]
"""How many models of a cell are solved: all, some or none. Each has its own colour and its own shape."""


@dataclass(frozen=True)
class Entry:
    """A cell of a table; `share` in [0, 1] shades it, and `note` is printed small below."""

    text: str
    note: str = ""
    share: float | None = None


@dataclass(frozen=True)
class Table:
    """The numbers behind drawings; the first entry of a row names the row."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Entry, ...], ...]


@dataclass(frozen=True)
class Panel:
    """One drawing: an inline SVG that says in its label what it shows."""

    title: str
    note: str
    svg: Markup


@dataclass(frozen=True)
class Group:
    """Drawings that belong together (one operation, one model) and the table behind them."""

    title: str
    panels: tuple[Panel, ...]
    table: Table
    table_first: bool = False
    note: str = ""


@dataclass(frozen=True)
class Key:
    """A line of the legend: `mark` is a class of the style sheet."""

    mark: str
    text: str


@dataclass(frozen=True)
class Figure:
    id: str
    title: str
    lead: str
    groups: tuple[Group, ...]
    keys: tuple[Key, ...] = ()
