"""The points of `surfaces.parquet` as arrays over a regular grid, one grid per model."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Grid:
    """The outputs of one model over the plane. Arrays are indexed `[x1, x0]`; missing points are NaN."""

    model: str
    task: str
    split: str
    seed: int
    solved: bool
    train: tuple[float, float]
    x0: Array
    x1: Array
    true: Array
    learned: Array

    @property
    def relative_error(self) -> Array:
        """The absolute error divided by the largest absolute true value."""
        largest = np.nanmax(np.abs(self.true), initial=0.0) or 1.0
        return np.abs(self.learned - self.true) / largest

    def worst(self, inside: bool) -> float:
        """Return the largest error inside or outside the training square; NaN if there is no point."""
        low, high = self.train
        across = (self.x0 >= low) & (self.x0 <= high)
        up = (self.x1 >= low) & (self.x1 <= high)
        mask = up[:, None] & across[None, :]
        errors = np.abs(self.learned - self.true)[mask if inside else ~mask]
        errors = errors[np.isfinite(errors)]
        return float(errors.max()) if errors.size else float("nan")


def grids(frame: pl.DataFrame) -> list[Grid]:
    """Return the grid of every model, in the order of the file; skip models with fewer than 2 × 2 points."""
    names = ["model", "task", "split", "seed", "solved"]
    found = []
    for key, rows in frame.group_by(names, maintain_order=True):
        rows = rows.filter(pl.col("x0").is_finite() & pl.col("x1").is_finite())
        x0, columns = np.unique(rows["x0"].to_numpy(), return_inverse=True)
        x1, lines = np.unique(rows["x1"].to_numpy(), return_inverse=True)
        ends = rows["train_low"].min(), rows["train_high"].max()
        if len(x0) < 2 or len(x1) < 2 or not all(isinstance(end, float) for end in ends):
            continue
        planes = []
        for name in ("true", "learned"):
            plane = np.full((len(x1), len(x0)), np.nan)
            values = rows[name].to_numpy().astype(float)
            plane[lines, columns] = np.where(np.isfinite(values), values, np.nan)
            planes.append(plane)
        model, task, split, seed, solved = key
        found.append(
            Grid(
                model=str(model),
                task=str(task),
                split=str(split),
                seed=int(seed or 0),
                solved=bool(solved),
                train=(float(ends[0]), float(ends[1])),  # pyright: ignore[reportArgumentType]
                x0=x0,
                x1=x1,
                true=planes[0],
                learned=planes[1],
            )
        )
    return found
