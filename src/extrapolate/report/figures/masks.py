"""The figures of weight masks: accuracy under a mask, weights kept in every layer, overlap of two masks."""

import polars as pl

from extrapolate.report.figures.axis import PERCENT, Axis, axis_for
from extrapolate.report.figures.figure import Entry, Figure, Group, Panel, Table
from extrapolate.report.figures.whiskers import Whisker, panel
from extrapolate.report.files import Folder, extra_table
from extrapolate.report.words import interval, number, printable, short_number

FILE = "masks.parquet"
COLUMNS = {"measure", "mask", "layer", "value"}

#: Suffix of measures that have the strength instead of the layer.
BY_STRENGTH = " by strength"

#: Title of the group for each measure. All measures except the weights kept are fractions.
KEPT = "kept"
TITLES = {
    "accuracy": "Accuracy under a mask",
    "answers": "Answers under a mask",
    KEPT: "Weights kept",
    "iou": "Overlap: intersection over union",
    "iomin": "Overlap: intersection over the smaller mask",
    "share": "Overlap: share of the mask that other masks also keep",
    "removed": "Share of a token's output weights, of those in the control mask, that a mask removes",
}

#: Name of the first column for measures that have something else than a layer.
FIRST_COLUMNS = {"accuracy": "Task", "answers": "Answer", "removed": "Token"}


def masks(folder: Folder) -> Figure | None:
    frame = _frame(folder)
    if frame is None:
        return None
    groups = [
        _group(rows, f"masks-{index}")
        for index, (_, rows) in enumerate(frame.group_by("measure", maintain_order=True))
    ]
    return Figure(
        id="masks",
        title="Mask by mask",
        lead="The accuracy of the network under each mask, the weights that the mask keeps in every layer, and the "
        "overlap of two masks: mean, minimum and maximum over the networks. Masks of two functions that use the "
        "same weights would overlap fully. ¬: the network without the weights of a mask.",
        groups=tuple(groups),
    )


def _frame(folder: Folder) -> pl.DataFrame | None:
    frame = extra_table(folder, FILE, COLUMNS)
    if frame is None:
        return None
    frame = frame.with_columns(pl.col("value").cast(pl.Float64, strict=False))
    frame = frame.filter(pl.col("measure").str.strip_suffix(BY_STRENGTH).is_in(list(TITLES)))
    return frame if frame.height else None


def _group(rows: pl.DataFrame, prefix: str) -> Group:
    name = str(rows["measure"][0])
    measure = name.removesuffix(BY_STRENGTH)
    title = f"{TITLES[measure]}, by strength of the sparsity penalty" if measure != name else TITLES[measure]
    first_column = "Strength" if measure != name else FIRST_COLUMNS.get(measure, "Layer")
    by_mask = {printable(str(mask)): _whiskers(own) for (mask,), own in rows.group_by("mask", maintain_order=True)}
    values = [line.value for lines in by_mask.values() for line in lines if line.value is not None]
    axis = axis_for(values) if measure.startswith(KEPT) else PERCENT
    panels = [
        _panel(mask, lines, axis, title, f"{prefix}-{index}") for index, (mask, lines) in enumerate(by_mask.items())
    ]
    layers = list(dict.fromkeys(line.label for lines in by_mask.values() for line in lines))
    found = [{line.label: line for line in lines} for lines in by_mask.values()]
    table = Table(
        title,
        (first_column, *by_mask),
        tuple((Entry(layer), *(_entry(own.get(layer)) for own in found)) for layer in layers),
    )
    return Group(title, tuple(panels), table)


def _whiskers(rows: pl.DataFrame) -> list[Whisker]:
    lines = []
    for (layer,), own in rows.group_by("layer", maintain_order=True):
        values = [value for value in own["value"].to_list() if value is not None and value == value]
        mean = sum(values) / len(values) if values else None
        low, high = (min(values), max(values)) if len(values) > 1 else (None, None)
        note = "–" if mean is None else short_number(mean)
        lines.append(Whisker(printable(str(layer)), mean, low, high, note, "all"))
    return lines


def _panel(mask: str, lines: list[Whisker], axis: Axis, title: str, prefix: str) -> Panel:
    values = "; ".join(f"{line.label}: {line.note}" for line in lines)
    return Panel(mask, "", panel(lines, axis, f"{title}, {mask}. {values}", prefix, stem=not axis.log))


def _entry(line: Whisker | None) -> Entry:
    if line is None or line.value is None:
        return Entry("–")
    return Entry(number(line.value), interval(line.low, line.high))
