"""The summary of the results by model, task and split, with intervals: the published measures, and means."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import polars as pl

from extrapolate.stats import Estimate, mean_of_positive, mean_of_sparsity, student, success_rate

TEXTS, NUMBERS = ("model", "task", "split", "measure"), ("estimate", "low", "high")
SCHEMA = dict.fromkeys(TEXTS, pl.String) | dict.fromkeys(NUMBERS, pl.Float64) | {"n": pl.Int64}


def estimates(rows: pl.DataFrame) -> dict[str, Estimate]:
    """Estimate the three published measures of some models; the last two are over the solved models only."""
    solved = rows.filter("solved")

    def values(name: str) -> list[float]:
        return solved[name].drop_nulls().to_list() if name in solved.columns else []

    return {
        "success_rate": success_rate(solved.height, rows.height),
        "solved_at": mean_of_positive(values("solved_at")),
        "sparsity_error": mean_of_sparsity(values("sparsity_error")),
    }


#: Columns whose means a summary has; a mapping also gives each mean's estimator, if it is not Student's.
Means = Sequence[str] | Mapping[str, Callable[[np.ndarray], Estimate]]


def summarize(results: pl.DataFrame, means: Means = ()) -> pl.DataFrame:
    """Return one row per model, task, split and measure, in the order of ``results``.

    The measures are those of :func:`estimates` (if the results have a column ``solved``) and the means of columns.
    ``means`` names the columns, or gives patterns such as ``^success_.*$``.
    """
    mean_of = means if isinstance(means, Mapping) else dict.fromkeys(means, student)
    lines = []
    for key, rows in results.group_by("model", "task", "split", maintain_order=True):
        found = estimates(rows) if "solved" in results.columns else {}
        for columns, estimate in mean_of.items():
            values = {each.name: each.drop_nulls().to_numpy() for each in rows.select(columns)}
            found |= {column: estimate(each) for column, each in values.items() if len(each)}
        lines += [(*key, measure, each.value, each.low, each.high, each.n) for measure, each in found.items()]
    return pl.DataFrame(lines, schema=SCHEMA, orient="row")
