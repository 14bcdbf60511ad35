"""Every unit with every operation, in one table; for runs of several operations."""

from extrapolate.report.figures.figure import Entry, Figure, Group, Table
from extrapolate.report.files import Folder
from extrapolate.report.success import Success, successes
from extrapolate.report.words import operation_title


def overview(folder: Folder) -> Figure | None:
    tables = successes(folder)
    if len(tables) < 2:
        return None
    units = sorted(
        dict.fromkeys(unit for table in tables for unit in table.units),
        key=lambda model: -sum(_share(table, model) for table in tables),
    )
    rows = tuple((Entry(unit), *(_entry(table, unit) for table in tables)) for unit in units)
    columns = ("Unit", *(operation_title(table.task) for table in tables))
    caption = "Ranges in which every model of the unit solved the operation, and its models that did"
    return Figure(
        id="overview",
        title="At a glance",
        lead="Every unit with every operation, the one that solves most first; the shade is the share of models.",
        groups=(Group("Units and operations", (), Table(caption, columns, rows), table_first=True),),
    )


def _share(table: Success, model: str) -> float:
    solved, n = table.total(model)
    return solved / n if n else 0.0


def _entry(table: Success, model: str) -> Entry:
    solved, n = table.total(model)
    if n == 0:
        return Entry("–")
    cells = [table.at(model, range) for range in table.ranges]
    whole = sum(cell is not None and cell.success_rate == 1 for cell in cells)
    return Entry(f"{whole} of {len(cells)}", f"{solved}/{n}", solved / n)
