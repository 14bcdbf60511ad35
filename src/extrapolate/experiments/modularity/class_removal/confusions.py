"""What a classifier answers without a class, against what it answers under the control mask."""

import numpy as np
import polars as pl

from extrapolate.experiments.modularity.subject import CONTROL

CLASSES = tuple(str(each) for each in range(10))

#: What the name of a mask that is learned without a class begins with, and a column of how often a class was given.
WITHOUT, GIVEN = "without ", "given "

SCHEMA = {"mask": pl.String, "asked": pl.String, "given": pl.String, "value": pl.Float64}


def matrix(rows: pl.DataFrame, view: str) -> np.ndarray:
    """Of one network's images of each class (row), the share that is given each class (column)."""
    own = {row["operation"]: row for row in rows.filter(unit=view).iter_rows(named=True)}
    return np.array([[own[f"class {asked}"][GIVEN + given] for given in CLASSES] for asked in CLASSES])


def removed(rows: pl.DataFrame) -> list[str]:
    """The classes that were removed, in the order of the rows."""
    units = rows["unit"].unique(maintain_order=True)
    return [unit.removeprefix(WITHOUT) for unit in units if unit.startswith(WITHOUT)]


def confusions(rows: pl.DataFrame) -> pl.DataFrame:
    """One network's differences to the control mask, a row a removed class, class asked and class given."""
    control = matrix(rows, CONTROL)
    lines = [
        (name, asked, given, float(difference[place, column]))
        for name in removed(rows)
        for difference in (matrix(rows, WITHOUT + name) - control,)
        for place, asked in enumerate(CLASSES)
        for column, given in enumerate(CLASSES)
    ]
    return pl.DataFrame(lines, schema=SCHEMA, orient="row")


def relative_drops(rows: pl.DataFrame, name: str) -> np.ndarray:
    """Without class ``name``, what share of its right answers under the control mask each class loses, (10,).

    Not a number where a class had none.
    """
    control, without = (np.diag(matrix(rows, view)) for view in (CONTROL, WITHOUT + name))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(control > 0, (control - without) / control, np.nan)
