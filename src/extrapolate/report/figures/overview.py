"""One table of all units and operations, for runs with several operations."""

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
    caption = (
        "Number of ranges in which every model of the unit solved the operation; below, the number of solved models"
    )
    return Figure(
        id="overview",
        title="Overview",
        lead="All units (types of layers) and operations, the unit with the most solved models first. The shade is "
        "the share of solved models.",
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
