"""What the results come to by unit, operation and range, with intervals: the published measures, or plain means."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import polars as pl

from extrapolate.stats import (
    Estimate,
    mean_of_positive,
    mean_of_sparsity,
    student,
    success_rate,
)

MEASURES = ("success_rate", "solved_at", "sparsity_error")

SCHEMA = {
    "unit": pl.String,
    "operation": pl.String,
    "range": pl.String,
    "measure": pl.String,
    "estimate": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "n": pl.Int64,
}


def estimates(rows: pl.DataFrame) -> dict[str, Estimate]:
    """The three measures of some models; the last two over the solved ones, as published."""
    solved = rows.filter("solved")
    return {
        "success_rate": success_rate(solved.height, rows.height),
        "solved_at": mean_of_positive(solved["solved_at"].drop_nulls().to_list()),
        "sparsity_error": mean_of_sparsity(solved["sparsity_error"].drop_nulls().to_list()),
    }


#: Columns whose means a summary has; by column, how the mean is estimated where that is not Student's.
Means = Sequence[str] | Mapping[str, Callable[[np.ndarray], Estimate]]


def summarize(results: pl.DataFrame, means: Means = ()) -> pl.DataFrame:
    """A row for each unit, operation, range and measure, in the order of ``results``.

    The measures are those of :func:`estimates` where models are solved or not, and the means of columns.
    """
    mean_of = means if isinstance(means, Mapping) else dict.fromkeys(means, student)
    absent = {name: pl.lit(None, pl.Float64) for name in MEASURES[1:] if name not in results.columns}
    results = results.with_columns(**absent)
    lines = []
    for key, rows in results.group_by("unit", "operation", "range", maintain_order=True):
        found = estimates(rows) if "solved" in results.columns else {}
        values = {column: rows[column].drop_nulls().to_numpy() for column in mean_of}
        found |= {column: mean_of[column](each) for column, each in values.items() if len(each)}
        lines += [(*key, measure, each.value, each.low, each.high, each.n) for measure, each in found.items()]
    return pl.DataFrame(lines, schema=SCHEMA, orient="row")
