"""What the page draws of masks: right answers under each, what is answered, kept weights, overlaps."""

import itertools
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from extrapolate.inspect import Mask
    from extrapolate.inspect.masks.mask import PerLayer

#: Columns of results that say what was answered, where there are several answers one may give.
ANSWERS = "answers "

#: Measure, mask, layer (or what stands in its place), value.
Line = tuple[str, str, str, float | None]


def page_lines(
    masks: "dict[str, Mask]", compared: list[tuple[str, str]], rows: pl.DataFrame, more: list[Line]
) -> pl.DataFrame:
    """A row a measure, mask and layer (and "all"); for answers, in place of the layer, what was asked.

    ``rows``: the network's results; ``compared``: pairs of masks, by name, whose overlap is shown; ``more``: what
    is shown after all that.
    """
    lines = accuracies(rows)
    lines += _answers(rows.filter(pl.col("unit").is_in(list(masks))))
    for name, mask in masks.items():
        lines += by_layer("kept", name, mask.kept())
    for one, other in compared:
        lines += by_layer("iou", f"{one} and {other}", masks[one].iou(masks[other]))
        lines += by_layer("iomin", f"{one} and {other}", masks[one].iomin(masks[other]))
    for name in dict.fromkeys(itertools.chain.from_iterable(compared)):
        others = [other for pair in compared if name in pair for other in pair if other != name]
        lines += by_layer("share", name, masks[name].share(*(masks[other] for other in others)))
    return table(lines + more)


def table(lines: list[Line]) -> pl.DataFrame:
    """A row a line: measure, mask, layer, value."""
    schema = {"measure": pl.String, "mask": pl.String, "layer": pl.String, "value": pl.Float64}
    return pl.DataFrame(lines, schema=schema, orient="row")


def accuracies(rows: pl.DataFrame) -> list[Line]:
    """Right answers under each mask, by what was asked."""
    return [
        ("accuracy", row["unit"], row["operation"], row["accuracy"]) for row in rows.iter_rows(named=True)
    ]


def by_layer(measure: str, name: str, values: "PerLayer") -> list[Line]:
    return [
        (measure, name, layer, float(value))
        for layer, value in (values.layers | {"all": values.pooled}).items()
    ]


def _answers(rows: pl.DataFrame) -> list[Line]:
    columns = [name for name in rows.columns if name.startswith(ANSWERS)]
    return [
        (
            "answers",
            f"{row['unit']} mask, {row['operation']} asked",
            column.removeprefix(ANSWERS),
            row[column],
        )
        for row in rows.iter_rows(named=True)
        for column in columns
    ]
