"""What a model is measured by: the network whose accumulator is perfect, trained on the same task."""

import math

import numpy as np
import polars as pl

from extrapolate.experiments.digits_sequence.models import REFERENCE

#: One-sided confidence of the bound that the reference's error stays below.
CONFIDENCE = 0.99


def with_solved(results: pl.DataFrame) -> pl.DataFrame:
    """``results`` and whether each model is as close as the reference, ``solved``, at its greatest length.

    The published criterion: the squared error is below the upper end of the 99 % interval (one-sided, Student's t)
    of the reference's mean. Null where the reference of that task was not run with two seeds at least.
    """
    bounds = {str(task): _bound(own) for (task,), own in results.filter(unit=REFERENCE).group_by("operation")}
    solved = []
    for row in results.iter_rows(named=True):
        bound = bounds.get(row["operation"])
        solved.append(None if bound is None else row[f"squared_error_{row['length']}"] < bound)
    return results.with_columns(solved=pl.Series(solved, dtype=pl.Boolean))


def _bound(rows: pl.DataFrame) -> float | None:
    errors = rows[f"squared_error_{rows['length'][0]}"].to_numpy()
    if len(errors) < 2:
        return None
    from scipy import special  # a slow import, for what judges results alone

    reach = float(special.stdtrit(len(errors) - 1, CONFIDENCE)) / math.sqrt(len(errors))
    return float(np.mean(errors) + reach * np.std(errors, ddof=1))
