"""What a classifier answers without a class, against what it answers under the control mask."""

import numpy as np
import polars as pl

from extrapolate.experiments.masks._classifier import CLASSES
from extrapolate.experiments.masks._config import CONTROL

#: The name of a mask that is learned without a class begins so, and a column of how often a class was given.
WITHOUT, GIVEN = "without ", "given "


def confusions(rows: pl.DataFrame) -> pl.DataFrame:
    """One network's differences to the control mask, a row a removed class, class asked and class given."""
    control = answers(rows, CONTROL)
    lines = [
        (name, asked, given, float(difference[place, column]))
        for name in removed(rows)
        for difference in (answers(rows, WITHOUT + name) - control,)
        for place, asked in enumerate(CLASSES)
        for column, given in enumerate(CLASSES)
    ]
    schema = {"mask": pl.String, "asked": pl.String, "given": pl.String, "value": pl.Float64}
    return pl.DataFrame(lines, schema=schema, orient="row")


def losses(results: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """What a removed class loses, and at most another one, at least 0: (removed classes, networks) each."""
    networks = [rows.sort("seed") for _, rows in results.group_by("seed", maintain_order=True)]
    names = removed(results)
    drops = [np.array([relative_drops(rows, name) for rows in networks]) for name in names]
    places = [CLASSES.index(name) for name in names]
    own = [each[:, place] for each, place in zip(drops, places, strict=True)]
    others = [np.delete(each, place, 1).max(1).clip(0) for each, place in zip(drops, places, strict=True)]
    return np.array(own), np.array(others)


def relative_drops(rows: pl.DataFrame, name: str) -> np.ndarray:
    """Without class ``name``, what share of its accuracy under the control mask each class loses, (10,).

    Not a number where a class had none.
    """
    control, without = (np.diag(answers(rows, view)) for view in (CONTROL, WITHOUT + name))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(control > 0, (control - without) / control, np.nan)


def answers(rows: pl.DataFrame, view: str) -> np.ndarray:
    """Of one network's images of each class (row), the share that is given each class (column)."""
    own = {row["operation"]: row for row in rows.filter(unit=view).iter_rows(named=True)}
    return np.array([[own[f"class {asked}"][GIVEN + given] for given in CLASSES] for asked in CLASSES])


def removed(rows: pl.DataFrame) -> list[str]:
    """The classes that were removed, in the order of the rows."""
    units = rows["unit"].unique(maintain_order=True)
    return [unit.removeprefix(WITHOUT) for unit in units if unit.startswith(WITHOUT)]
