"""What masks keep of every layer, and what two of them have in common: the figures of weight masks."""

import polars as pl

from extrapolate.report.figures.axis import PERCENT, Axis, axis_for
from extrapolate.report.figures.figure import Entry, Figure, Group, Panel, Table
from extrapolate.report.figures.whiskers import Whisker, panel
from extrapolate.report.files import Folder, extra_table
from extrapolate.report.words import interval, number, printable, short_number

FILE = "masks.parquet"
COLUMNS = {"measure", "mask", "layer", "value"}

#: Ends the names of measures that have the strength in place of the layer.
BY_STRENGTH = " by strength"

#: By measure, the group's title; all but the weights kept are shares.
KEPT = "kept"
TITLES = {
    "accuracy": "Right answers under a mask",
    "answers": "What is answered under a mask",
    KEPT: "Weights kept",
    "iou": "Overlap: intersection over union",
    "iomin": "Overlap: intersection over the smaller mask",
    "share": "Overlap: part of the mask that others keep too",
    "removed": "Output weights of a token that a mask removes, of those that the control mask keeps",
}

#: By measure, what stands in place of the layer.
PLACES = {"accuracy": "Asked", "answers": "Asked", "removed": "Token"}


def masks(folder: Folder) -> Figure | None:
    frame = _frame(folder)
    if frame is None:
        return None
    groups = [
        _group(rows, f"masks-{place}")
        for place, (_, rows) in enumerate(frame.group_by("measure", maintain_order=True))
    ]
    return Figure(
        id="masks",
        title="Mask by mask",
        lead="What the network still does under each mask, what the mask keeps of every layer, and what two "
        "masks have in common: the mean over the networks, and from the least to the most of them. Masks of two "
        "functions that use the same weights would overlap fully. ¬ is the network without the weights of a mask.",
        groups=tuple(groups),
    )


def _frame(folder: Folder) -> pl.DataFrame | None:
    frame = extra_table(folder, FILE, COLUMNS)
    if frame is None:
        return None
    frame = frame.with_columns(pl.col("value").cast(pl.Float64, strict=False))
    frame = frame.filter(pl.col("measure").is_in(list(TITLES)))
    return frame if frame.height else None


def _group(rows: pl.DataFrame, prefix: str) -> Group:
    measure = str(rows["measure"][0])
    title = TITLES[measure]
    by_mask = {printable(str(mask)): _whiskers(own) for (mask,), own in rows.group_by("mask", maintain_order=True)}
    values = [line.value for lines in by_mask.values() for line in lines if line.value is not None]
    axis = axis_for(values) if measure.startswith(KEPT) else PERCENT
    panels = [
        _panel(mask, lines, axis, title, f"{prefix}-{place}") for place, (mask, lines) in enumerate(by_mask.items())
    ]
    layers = list(dict.fromkeys(line.label for lines in by_mask.values() for line in lines))
    found = [{line.label: line for line in lines} for lines in by_mask.values()]
    table = Table(
        title,
        (PLACES.get(measure, "Layer"), *by_mask),
        tuple((Entry(layer), *(_entry(own.get(layer)) for own in found)) for layer in layers),
    )
    return Group(title, tuple(panels), table)


def _head(measure: str) -> str:
    """What the rows of a measure's table are."""
    if measure.endswith(BY_STRENGTH):
        return "Strength"
    return "Asked" if measure in ("accuracy", "answers") else "Layer"


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
    told = "; ".join(f"{line.label}: {line.note}" for line in lines)
    return Panel(mask, "", panel(lines, axis, f"{title}, {mask}. {told}", prefix, stem=not axis.log))


def _entry(line: Whisker | None) -> Entry:
    if line is None or line.value is None:
        return Entry("–")
    return Entry(number(line.value), interval(line.low, line.high))
