"""Learned answers over a grid that spans the training and the extrapolation range, for two telling models."""

from collections.abc import Sequence

import polars as pl
import torch

from extrapolate.tasks import SingleModule
from extrapolate.training import Replicas

POINTS = 41


def surfaces(
    tasks: Sequence[SingleModule], seeds: int, replicas: Replicas, rows: pl.DataFrame
) -> pl.DataFrame:
    """The grid of one failed and one solved model, of the same range where there is such a range.

    For tasks of two inputs.
    """
    return pl.concat([_surface(tasks[i // seeds], replicas, i, rows) for i in _telling(rows)])


def _telling(rows: pl.DataFrame) -> list[int]:
    solved = rows["solved"].to_list()
    ranges = rows["range"].to_list()
    failed = next((i for i, ok in enumerate(solved) if not ok), None)
    nearest = sorted(
        (i for i, ok in enumerate(solved) if ok), key=lambda i: failed is None or ranges[i] != ranges[failed]
    )
    return [i for i in (failed, *nearest[:1]) if i is not None]


def _surface(task: SingleModule, replicas: Replicas, index: int, rows: pl.DataFrame) -> pl.DataFrame:
    train = task.ranges.train.intervals[0]
    ends = [end for interval in (train, *task.ranges.test.intervals) for end in interval]
    axis = torch.linspace(min(ends), max(ends), POINTS, dtype=torch.float64)
    x = torch.cartesian_prod(axis, axis)
    with torch.no_grad():
        learned = replicas[index].cpu().double().eval()(x)
    row = rows.row(index, named=True)
    return pl.DataFrame(
        {name: [row[name]] * len(x) for name in ("unit", "operation", "range", "seed", "solved")}
        | {"train_low": [train[0]] * len(x), "train_high": [train[1]] * len(x)}
        | {"x0": x[:, 0].tolist(), "x1": x[:, 1].tolist()}
        | {"true": task.operation(x)[:, 0].tolist(), "learned": learned[:, 0].tolist()}
    )
