"""Success rate of each unit in each range: a shaded table, then the intervals."""

from extrapolate.report.figures.axis import PERCENT
from extrapolate.report.figures.figure import Entry, Figure, Group, Panel, Table
from extrapolate.report.figures.whiskers import KEYS, Whisker, outcome, panel
from extrapolate.report.files import Folder
from extrapolate.report.success import Success, successes
from extrapolate.report.words import join_words, operation_name, operation_title, percents


def success_rate(folder: Folder) -> Figure | None:
    tables = successes(folder)
    if not tables:
        return None
    return Figure(
        id="success-rate",
        title="Success rate",
        lead="Share of the trained models that are accurate on the test data, which lie outside the training data. "
        "One row per training range, one panel per unit (type of layer), the unit with the most solved models first.",
        groups=tuple(_group(table, number) for number, table in enumerate(tables)),
        keys=KEYS,
    )


def _group(table: Success, number: int) -> Group:
    panels = []
    for index, unit in enumerate(table.solving):
        solved, n = table.total(unit)
        rows = [_row(table, unit, range) for range in table.ranges]
        values = "; ".join(f"{row.label}: {row.note}" for row in rows)
        label = f"Success rate of {unit} in {operation_name(table.task)}. {values}"
        svg = panel(rows, PERCENT, label, f"success-{number}-{index}", stem=True)
        panels.append(Panel(unit, f"{solved} of {n}", svg))
    note = f"No model of {join_words(table.failing)} solves it." if table.failing else ""
    return Group(operation_title(table.task), tuple(panels), _table(table), table_first=True, note=note)


def _row(table: Success, model: str, split: str) -> Whisker:
    cell = table.at(model, split)
    if cell is None or cell.success_rate is None:
        return Whisker(split, None, None, None, "–", "none")
    return Whisker(
        split, cell.success_rate, cell.low, cell.high, f"{cell.solved}/{cell.n}", outcome(cell.success_rate)
    )


def _table(table: Success) -> Table:
    rows = []
    for range in table.ranges:
        row = [Entry(range)]
        for unit in table.solving:
            cell = table.at(unit, range)
            if cell is None or cell.success_rate is None:
                row.append(Entry("–"))
            else:
                row.append(Entry(f"{cell.solved}/{cell.n}", percents(cell.low, cell.high), cell.success_rate))
        rows.append(tuple(row))
    caption = f"Models that solved {operation_name(table.task)}, with the 95 % interval of the rate"
    return Table(caption, ("Trained on", *table.solving), tuple(rows))
