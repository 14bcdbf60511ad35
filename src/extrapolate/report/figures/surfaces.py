"""The function that a model learned, and the true one, over its two inputs."""

from collections.abc import Sequence

import numpy as np

from extrapolate.report.figures.figure import Entry, Figure, Group, Key, Panel, Table
from extrapolate.report.figures.grid import Grid, grids
from extrapolate.report.figures.heatmap import Scale, error_scale, heatmap, value_scale
from extrapolate.report.files import Folder, has
from extrapolate.report.success import in_order
from extrapolate.report.words import number, operation_name

PER_OPERATION = 2
KEYS = (Key("square", "training range"), Key("contour", "the same values in the plots Learned and True"))


def surfaces(folder: Folder) -> Figure | None:
    if folder.surfaces is None or not has(folder.surfaces, "surfaces.parquet"):
        return None
    every = grids(folder.surfaces)
    chosen = choose(every)
    if not chosen:
        return None
    errors = error_scale([grid.relative_error for grid in chosen])
    note = f" The figure shows {len(chosen)} of the {len(every)} saved models." if len(every) > len(chosen) else ""
    return Figure(
        id="surfaces",
        title="Learned functions",
        lead="The output of a trained model for every pair of inputs, the true values on the same colour scale, "
        f"and the relative error (the absolute error divided by the largest true value).{note}",
        groups=tuple(_group(grid, errors, index) for index, grid in enumerate(chosen)),
        keys=KEYS,
    )


def choose(every: Sequence[Grid]) -> list[Grid]:
    """Return a solved and a failed model of every operation, of the same range if possible; else up to two."""
    chosen = []
    for operation in in_order([grid.task for grid in every]):
        own = [grid for grid in every if grid.task == operation]
        solved = [grid for grid in own if grid.solved]
        failed = [grid for grid in own if not grid.solved]
        pairs = [(good, bad) for good in solved for bad in failed]
        if pairs:
            chosen += max(pairs, key=lambda pair: pair[0].split == pair[1].split)
        else:
            chosen += own[:PER_OPERATION]
    return chosen


def _group(grid: Grid, errors: Scale, index: int) -> Group:
    values = value_scale(grid.true)
    status = "solved" if grid.solved else "failed"
    what = f"{grid.model}, {operation_name(grid.task)}, trained on {grid.split}, seed {grid.seed}"
    worst = _worst(grid)
    drawings = (
        ("Learned", grid.learned, values, f"Function learned by {what} ({status}). {worst}"),
        ("True", grid.true, values, f"The true values for {what}."),
        ("Error", grid.relative_error, errors, f"The relative error of {what}, on a log scale. {worst}"),
    )
    panels = [
        Panel(title, "", heatmap(grid, field, scale, label, f"surface-{index}-{number_}"))
        for number_, (title, field, scale, label) in enumerate(drawings)
    ]
    return Group(
        title=f"{grid.model} trained on {grid.split}: {status}",
        panels=tuple(panels),
        table=_table(grid, what),
        note=f"{operation_name(grid.task).capitalize()}, seed {grid.seed}. {worst}",
    )


def _worst(grid: Grid) -> str:
    inside, outside = number(grid.worst(inside=True)), number(grid.worst(inside=False))
    within = "" if inside == "–" else f"{inside} in the training range, "
    return f"Largest absolute error: {within}{outside} outside the training range."


def _table(grid: Grid, what: str) -> Table:
    """Return a table of both surfaces at 5 × 5 points, enough to see their shape."""
    rows = []
    sides = [np.unique(np.linspace(0, len(side) - 1, 5).round().astype(int)) for side in (grid.x0, grid.x1)]
    for i in sides[0]:
        row = [Entry(number(float(grid.x0[i])))]
        for j in sides[1]:
            true, learned = float(grid.true[j, i]), float(grid.learned[j, i])
            row.append(Entry(number(learned), f"true {number(true)}"))
        rows.append(tuple(row))
    columns = ("a \\ b", *(number(float(grid.x1[j])) for j in sides[1]))
    return Table(f"Learned and true values of {what}", columns, tuple(rows))
