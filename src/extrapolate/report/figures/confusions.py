"""Change of the answers under masks: tables of true class and answer, shaded by the difference."""

import polars as pl

from extrapolate.report.figures.figure import Entry, Figure, Group, Table
from extrapolate.report.files import Folder, extra_table
from extrapolate.report.words import printable

FILE = "confusions.parquet"
COLUMNS = {"mask", "class", "answer", "value"}


def confusions(folder: Folder) -> Figure | None:
    frame = extra_table(folder, FILE, COLUMNS)
    if frame is None:
        return None
    frame = frame.with_columns(pl.col("value").cast(pl.Float64, strict=False))
    means = frame.group_by("mask", "class", "answer", maintain_order=True).agg(pl.col("value").mean())
    if means.is_empty():
        return None
    masks = means["mask"].unique(maintain_order=True).to_list()
    return Figure(
        id="confusions",
        title="Effect of removing a class",
        lead="Differences from the control mask in percentage points, mean over the networks; darker is larger. "
        "First table: change in right answers for a class (column) when another class (row) is removed. Other "
        "tables: how much more often images of a class (row) get an answer (column).",
        groups=(
            _group("Right answers", means.filter(pl.col("class") == pl.col("answer")), "mask", "class"),
            *(
                _group(f"Without class {printable(str(mask))}", means.filter(mask=mask), "class", "answer")
                for mask in masks
            ),
        ),
    )


def _group(title: str, rows: pl.DataFrame, down: str, across: str) -> Group:
    values = {(row[down], row[across]): row["value"] for row in rows.iter_rows(named=True)}
    heads = rows[across].unique(maintain_order=True).to_list()
    lines = tuple(
        (Entry(printable(str(name))), *(_entry(values.get((name, head))) for head in heads))
        for name in rows[down].unique(maintain_order=True).to_list()
    )
    first = "Without" if down == "mask" else "Class"
    return Group(title, (), Table(title, (first, *(printable(str(head)) for head in heads)), lines), True)


def _entry(value: float | None) -> Entry:
    if value is None or value != value:
        return Entry("–")
    points = round(100 * value)
    return Entry(f"{points:+d}".replace("-", "−") if points else "0", share=min(abs(value), 1.0))
