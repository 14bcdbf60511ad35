"""The figures of measures of `summary.parquet`: a panel a unit, a row a range, one scale for all."""

import polars as pl

from extrapolate.report.figures.axis import axis_for
from extrapolate.report.figures.figure import Entry, Figure, Group, Panel, Table
from extrapolate.report.figures.whiskers import KEYS, Whisker, finite, outcome, panel
from extrapolate.report.files import Folder, has
from extrapolate.report.success import Success, successes
from extrapolate.report.words import interval, join_words, number, operation_name, operation_title, short_number

NAMES = {"sparsity_error": "Sparsity error", "solved_at": "Steps to solve"}

Places = dict[tuple[str, str], dict[str, float | None]]


def sparsity_error(folder: Folder) -> Figure | None:
    """How far the solved models' weights lie from the exact rule's."""
    lead = (
        "Sparsity error: how far the worst weight lies from a whole number at the best step, 0 for the "
        "exact rule and at most 0.5; the mean of the models that solved it. Further left is more exact."
    )
    return _figure(folder, "sparsity_error", "How exact", lead)


def solved_at(folder: Folder) -> Figure | None:
    """How soon the solved models were right for the first time."""
    lead = (
        "Training steps until the model is right outside the training range for the first time: the "
        "mean of the models that solved it. Further left is faster; every panel has the same scale."
    )
    return _figure(folder, "solved_at", "How soon", lead)


def _figure(folder: Folder, measure: str, title: str, lead: str) -> Figure | None:
    """A group an operation of the rows of `measure`; None where none has a value."""
    if folder.summary is None or not has(folder.summary, "summary.parquet"):
        return None
    groups, id, name = [], measure.replace("_", "-"), NAMES[measure]
    own = folder.summary.filter((pl.col("measure") == measure) & pl.col("estimate").is_finite())
    for place, success in enumerate(successes(folder)):
        rows = own.filter(pl.col("task") == success.task).iter_rows(named=True)
        places: Places = {(row["model"], row["split"]): row for row in rows}
        if places:
            groups.append(_group(success, places, name, f"{id}-{place}"))
    return Figure(id, title, lead, tuple(groups), KEYS) if groups else None


def _group(success: Success, positions: Places, name: str, prefix: str) -> Group:
    ends = [finite(row[end]) for row in positions.values() for end in ("estimate", "low", "high")]
    axis = axis_for(end for end in ends if end is not None)
    operation = operation_name(success.task)
    panels, absent = [], []
    for place, unit in enumerate(success.units):
        if not any((unit, range) in positions for range in success.ranges):
            absent.append(unit)
            continue
        rows = [_row(success, positions, unit, range) for range in success.ranges]
        told = "; ".join(f"{row.label}: {row.note}" for row in rows)
        label = f"{name} of {unit} in {operation}. {told}"
        panels.append(Panel(unit, "", panel(rows, axis, label, f"{prefix}-{place}")))
    note = f"Not drawn, because no model of theirs was solved: {join_words(absent)}." if absent else ""
    return Group(operation_title(success.task), tuple(panels), _table(success, positions, name), note=note)


def _row(success: Success, positions: Places, model: str, split: str) -> Whisker:
    found, cell = positions.get((model, split)), success.at(model, split)
    if found is None or found["estimate"] is None:
        return Whisker(split, None, None, None, "–", "none")
    estimate = found["estimate"]
    how = outcome(cell.success_rate if cell else None)
    return Whisker(split, estimate, found["low"], found["high"], short_number(estimate), how)


def _table(success: Success, positions: Places, name: str) -> Table:
    rows = []
    for range in success.ranges:
        row = [Entry(range)]
        for unit in success.units:
            found = positions.get((unit, range))
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
