"""What the page draws of masks: accuracies under each, what is answered, kept weights, overlaps."""

import itertools
from collections.abc import Iterable, Mapping, Sequence

import polars as pl

from extrapolate.inspect import Mask, PerLayer

#: Columns of results that say what was answered, where there are several answers one may give.
ANSWERS = "answers "

#: Measure, mask, layer (or what stands in its place), value.
Line = tuple[str, str, str, float | None]


def page_lines(
    masks: Mapping[str, Mask], compared: Sequence[tuple[str, str]], rows: pl.DataFrame
) -> list[Line]:
    """A line for each measure, mask and layer (and "all"); for answers, what was asked in place of the layer.

    ``rows``: the network's results; ``compared``: pairs of masks, by name, whose overlap is shown.
    """
    lines = accuracies(rows)
    for row in rows.filter(pl.col("unit").is_in(list(masks))).iter_rows(named=True):
        title = f"{row['unit']} mask, {row['operation']} asked"
        given = {name.removeprefix(ANSWERS): row[name] for name in row if name.startswith(ANSWERS)}
        lines += [("answers", title, answer, share) for answer, share in given.items()]
    for name, mask in masks.items():
        lines += by_layer("kept", name, mask.kept())
    for one, other in compared:
        lines += by_layer("iou", f"{one} and {other}", masks[one].iou(masks[other]))
        lines += by_layer("iomin", f"{one} and {other}", masks[one].iomin(masks[other]))
    for name in dict.fromkeys(itertools.chain.from_iterable(compared)):
        others = [other for pair in compared for other in pair if name in pair and other != name]
        lines += by_layer("share", name, masks[name].share(*(masks[other] for other in others)))
    return lines


def table(lines: Iterable[Line]) -> pl.DataFrame:
    """A row for each line: measure, mask, layer, value."""
    schema = {"measure": pl.String, "mask": pl.String, "layer": pl.String, "value": pl.Float64}
    return pl.DataFrame(list(lines), schema=schema, orient="row")


def accuracies(rows: pl.DataFrame) -> list[Line]:
    """The accuracy under each mask, by what was asked."""
    return [
        ("accuracy", unit, operation, value)
        for unit, operation, value in rows.select("unit", "operation", "accuracy").iter_rows()
    ]


def by_layer(measure: str, name: str, values: PerLayer) -> list[Line]:
    """A line for each layer, and one for all of them."""
    layers = values.layers | {"all": values.pooled}
    return [(measure, name, layer, float(value)) for layer, value in layers.items()]
