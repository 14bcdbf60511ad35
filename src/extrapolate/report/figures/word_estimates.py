"""The estimates of a number by models that read its words, after every word."""

import polars as pl

from extrapolate.report.figures.axis import Axis, axis_for
from extrapolate.report.figures.figure import Entry, Figure, Group, Outcome, Panel, Table
from extrapolate.report.figures.whiskers import Whisker, panel
from extrapolate.report.files import Folder, extra_table
from extrapolate.report.words import number

FILE = "words.parquet"
COLUMNS = {"model", "number", "word", "estimate"}

#: An estimate within this distance of the number is marked as right.
RIGHT = 0.5


def word_estimates(folder: Folder) -> Figure | None:
    frame = extra_table(folder, FILE, COLUMNS)
    if frame is None or frame.is_empty():
        return None
    groups = [_group(rows, index) for index, (_, rows) in enumerate(frame.group_by("number", maintain_order=True))]
    return Figure(
        id="word-estimates",
        title="Word by word",
        lead="The estimate after each word by the best model of each kind (lowest validation error), for numbers "
        "that are not in the training set.",
        groups=tuple(groups),
    )


def _group(rows: pl.DataFrame, index: int) -> Group:
    value = int(rows["number"][0])
    axis = axis_for([0.0, float(value), *rows["estimate"].drop_nulls().to_list()])
    by_model = {str(unit): own for (unit,), own in rows.group_by("model", maintain_order=True)}
    panels = [
        _panel(unit, own, value, axis, f"words-{index}-{panel}") for panel, (unit, own) in enumerate(by_model.items())
    ]
    words = next(iter(by_model.values()))["word"].to_list()
    lines = [
        (Entry(word), *(Entry(number(float(own["estimate"][row]))) for own in by_model.values()))
        for row, word in enumerate(words)
    ]
    phrase = " ".join(words)
    table = Table(f"Estimates after each word of “{phrase}” ({value})", ("Word", *by_model), tuple(lines))
    return Group(f"{phrase}: {value}", tuple(panels), table)


def _panel(model: str, rows: pl.DataFrame, value: int, axis: Axis, prefix: str) -> Panel:
    lines = [
        Whisker(word, estimate, None, None, number(estimate), _outcome(estimate, value))
        for word, estimate in zip(rows["word"], rows["estimate"], strict=True)
    ]
    values = "; ".join(f"{line.label}: {line.note}" for line in lines)
    label = f"Estimate of {model} after each word of {value}. {values}"
    return Panel(model, "", panel(lines, axis, label, prefix, stem=True))


def _outcome(estimate: float, value: int) -> Outcome:
    return "all" if abs(estimate - value) < RIGHT else "some"
