"""The figures of measures in `summary.parquet`: one panel per unit, one row per range, one scale for all."""

import polars as pl

from extrapolate.report.figures.axis import axis_for
from extrapolate.report.figures.figure import Entry, Figure, Group, Panel, Table
from extrapolate.report.figures.whiskers import KEYS, Whisker, finite, outcome, panel
from extrapolate.report.files import Folder, has
from extrapolate.report.success import Success, successes
from extrapolate.report.words import interval, join_words, number, operation_name, operation_title, short_number

NAMES = {"sparsity_error": "Sparsity error", "solved_at": "Steps to solve"}

Rows = dict[tuple[str, str], dict[str, float | None]]


def sparsity_error(folder: Folder) -> Figure | None:
    """Return the figure of the distance of the solved models' weights from the exact ones."""
    lead = (
        "Sparsity error: the distance of the worst weight from a whole number at the best step, from 0 (exact "
        "rule) to 0.5. Mean over the solved models. Further left is more exact."
    )
    return _figure(folder, "sparsity_error", "Sparsity error", lead)


def solved_at(folder: Folder) -> Figure | None:
    """Return the figure of the steps until the solved models were first accurate."""
    lead = (
        "Training steps until the model is first accurate outside the training range. Mean over the solved "
        "models. Further left is faster; all panels have the same scale."
    )
    return _figure(folder, "solved_at", "Steps to solve", lead)


def _figure(folder: Folder, measure: str, title: str, lead: str) -> Figure | None:
    """Return the figure of `measure`, one group per operation; None if there is no value."""
    if folder.summary is None or not has(folder.summary, "summary.parquet"):
        return None
    groups, id, name = [], measure.replace("_", "-"), NAMES[measure]
    own = folder.summary.filter((pl.col("measure") == measure) & pl.col("estimate").is_finite())
    for index, success in enumerate(successes(folder)):
        rows = own.filter(pl.col("task") == success.task).iter_rows(named=True)
        cells: Rows = {(row["model"], row["split"]): row for row in rows}
        if cells:
            groups.append(_group(success, cells, name, f"{id}-{index}"))
    return Figure(id, title, lead, tuple(groups), KEYS) if groups else None


def _group(success: Success, cells: Rows, name: str, prefix: str) -> Group:
    ends = [finite(row[end]) for row in cells.values() for end in ("estimate", "low", "high")]
    axis = axis_for(end for end in ends if end is not None)
    operation = operation_name(success.task)
    panels, absent = [], []
    for index, unit in enumerate(success.units):
        if not any((unit, range) in cells for range in success.ranges):
            absent.append(unit)
            continue
        rows = [_row(success, cells, unit, range) for range in success.ranges]
        values = "; ".join(f"{row.label}: {row.note}" for row in rows)
        label = f"{name} of {unit} in {operation}. {values}"
        panels.append(Panel(unit, "", panel(rows, axis, label, f"{prefix}-{index}")))
    note = f"No panel, because no model was solved: {join_words(absent)}." if absent else ""
    return Group(operation_title(success.task), tuple(panels), _table(success, cells, name), note=note)


def _row(success: Success, cells: Rows, model: str, split: str) -> Whisker:
    found, cell = cells.get((model, split)), success.at(model, split)
    if found is None or found["estimate"] is None:
        return Whisker(split, None, None, None, "–", "none")
    estimate = found["estimate"]
    how = outcome(cell.success_rate if cell else None)
    return Whisker(split, estimate, found["low"], found["high"], short_number(estimate), how)


def _table(success: Success, cells: Rows, name: str) -> Table:
    rows = []
    for range in success.ranges:
        row = [Entry(range)]
        for unit in success.units:
            found = cells.get((unit, range))
            if found is None or found["estimate"] is None:
                row.append(Entry("–"))
            else:
                ends = interval(finite(found["low"]), finite(found["high"]))
                note = f"{ends} · n {found['n'] or 0}".removeprefix(" · ")
                row.append(Entry(number(found["estimate"]), note))
        rows.append(tuple(row))
    operation = operation_name(success.task)
    caption = f"{name} in {operation}, mean of the solved models with its 95 % interval"
    return Table(caption, ("Trained on", *success.units), tuple(rows))
