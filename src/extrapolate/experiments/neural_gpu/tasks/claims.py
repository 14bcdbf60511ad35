"""How the published findings are judged on the results."""

import polars as pl

from extrapolate.experiments.findings import Claim
from extrapolate.experiments.neural_gpu.judging import exact, share_wrong
from extrapolate.experiments.neural_gpu.tasks.settings import PRESETS, TasksSettings

SOURCE = "arXiv 1511.08228, of a grid of 729 trainings, by the original Neural GPU"
LEAST, PUBLISHED = PRESETS["laptop"], PRESETS["paper"]


def claims(results: pl.DataFrame, settings: TasksSettings) -> list[Claim]:
    """For each task whether any network is exact at the longest length, then the errors at all lengths."""
    found = []
    for name in settings.tasks:
        rows = results.filter(operation=settings.task(name).name)
        if rows.is_empty():
            continue  # not trained yet
        longest, trained = settings.lengths[-1], settings.ends[-1]
        found.append(
            exact(
                f"{name}/exact",
                f"{name}: trained up to {trained} places, a network makes no error at {longest:,} (measured: share "
                "of networks)",
                f"no error found up to 4,001 places after training up to 41 ({SOURCE})",
                rows,
                sheet_name(longest),
                _not_judged(settings),
            )
        )
        for length in settings.lengths:
            text = f"{name}: share of wrong sequences at {length:,} places"
            found += share_wrong(f"{name}/{length}", text, rows, sheet_name(length))
    return found


def sheet_name(length: int) -> str:
    return f"length-{length}"


def _not_judged(settings: TasksSettings) -> str | None:
    if settings.steps < LEAST.steps or settings.lengths[-1] < LEAST.lengths[-1]:
        return (
            f"not judged: {settings.steps:,} steps and {settings.lengths[-1]:,} places instead of {LEAST.steps:,} "
            f"and {LEAST.lengths[-1]:,}"
        )
    return None
