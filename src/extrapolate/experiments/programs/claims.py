"""How the published finding is judged on the results; what was measured beside it."""

import polars as pl

from extrapolate.experiments.findings import Claim, interval_of
from extrapolate.experiments.intervals import student
from extrapolate.experiments.old import measurement
from extrapolate.experiments.programs.models import KINDS
from extrapolate.experiments.programs.settings import PRESETS, TIMES, ProgramsSettings

PUBLISHED, LEAST = PRESETS["paper"], PRESETS["laptop"]
SOURCE = "arXiv 1808.00508, program evaluation; a figure, as quoted, unverified"


def claims(results: pl.DataFrame, settings: ProgramsSettings) -> list[Claim]:
    """The findings about the models that were run, then every measurement by task, model and size of numbers."""
    groups = {
        (str(task), str(unit)): rows.sort("seed")
        for (task, unit), rows in results.group_by("operation", "unit", maintain_order=True)
    }
    findings = [
        _lower(task, unit, KINDS[unit].cell, rows, groups[task, KINDS[unit].cell], settings)
        for (task, unit), rows in groups.items()
        if KINDS[unit].unit is not None and (task, KINDS[unit].cell) in groups
    ]
    measured = [
        measurement(
            f"{unit}/{task}/error-{times}",
            f"{unit}, {task}: mean absolute error, in units of what an answer can reach, with numbers below "
            f"{settings.limit * times:,}",
            student(rows[f"error_times_{times}"].to_numpy()),
        )
        for (task, unit), rows in groups.items()
        for times in TIMES
    ]
    return findings + measured


def _lower(
    task: str, unit: str, cell: str, rows: pl.DataFrame, plain: pl.DataFrame, settings: ProgramsSettings
) -> Claim:
    column = f"error_times_{TIMES[-1]}"
    gain = student(plain[column].to_numpy() - rows[column].to_numpy())
    cut = _cut_short(settings)
    judged = gain.low is not None and settings.steps >= LEAST.steps
    return Claim(
        f"{unit}/{task}/lower-than-{cell}",
        f"{task}, numbers {TIMES[-1]} times larger than in training: {unit} is less wrong than {cell} (measured: "
        f"{cell}'s error less {unit}'s, in units of what an answer can reach, seed by seed)",
        f"the NALU versions stay low where the others do not ({SOURCE})",
        gain.value,
        interval_of(gain),
        gain.n,
        gain.low > 0 if judged and gain.low is not None else None,
        "; ".join(filter(None, ["" if judged else "not judged", cut])) or None,
    )


def _cut_short(settings: ProgramsSettings) -> str:
    short = []
    if settings.steps < PUBLISHED.steps:
        short.append(f"{settings.steps:,} of {PUBLISHED.steps:,} steps")
    if settings.batch < PUBLISHED.batch:
        short.append(f"{settings.batch} of {PUBLISHED.batch} programs a step")
    if settings.limit < PUBLISHED.limit:
        short.append(f"numbers below {settings.limit} instead of {PUBLISHED.limit}")
    if settings.hidden < PUBLISHED.hidden:
        short.append(f"a state of {settings.hidden} instead of {PUBLISHED.hidden}")
    return f"cut short: {', '.join(short)}" if short else ""
