"""How the published findings are judged on the results; what was measured beside them."""

import math

import numpy as np
import polars as pl

from extrapolate.experiments.digits_sequence.part import LENGTH
from extrapolate.experiments.digits_sequence.settings import PRESETS, DigitsSequenceSettings
from extrapolate.experiments.experiment import Claim, interval_of
from extrapolate.experiments.intervals import student

PUBLISHED, LEAST = PRESETS["paper"], PRESETS["laptop"]
PUBLISHED_LONGEST = 1_000
SOURCE = "arXiv 1808.00508, MNIST counting and addition"

#: How many times closer an accumulator must be than the recurrent network.
TIMES = 10.0
PLAIN, ACCUMULATORS = "LSTM", ("NAC", "NALU", "NAU")


def claims(results: pl.DataFrame, settings: DigitsSequenceSettings) -> list[Claim]:
    """The findings about the models that were run, then every measurement by model, task and length."""
    groups = {
        (str(task), str(unit)): rows.sort("seed")
        for (task, unit), rows in results.group_by("operation", "unit", maintain_order=True)
    }
    findings = [
        _closer(task, unit, rows, groups[task, PLAIN], settings)
        for (task, unit), rows in groups.items()
        if unit in ACCUMULATORS and (task, PLAIN) in groups
    ]
    measured = [
        Claim.measurement(
            f"{unit}/{task}/error-{length}",
            f"{unit}, {task}: mean absolute error on {length:,} images",
            student(np.asarray(rows[f"error_{length}"])),
        )
        for (task, unit), rows in groups.items()
        for length in settings.lengths
    ]
    return findings + measured


def _closer(
    task: str, unit: str, rows: pl.DataFrame, plain: pl.DataFrame, settings: DigitsSequenceSettings
) -> Claim:
    longest = settings.lengths[-1]
    column = f"error_{longest}"
    ratio = student(np.log10(plain[column].to_numpy() / rows[column].to_numpy()))
    cut = _cut_short(settings)
    judged = ratio.low is not None and settings.steps >= LEAST.steps and longest >= PUBLISHED_LONGEST
    return Claim(
        f"{unit}/{task}/closer-than-{PLAIN}",
        f"{task}, trained on {LENGTH} images: on {longest:,} the {unit} is at least {TIMES:g} times closer than the "
        f"{PLAIN} (measured: how many powers of ten)",
        f"stays close at 1,000 where the {PLAIN} diverges ({SOURCE})",
        ratio.value,
        interval_of(ratio),
        ratio.n,
        ratio.low >= math.log10(TIMES) if judged and ratio.low is not None else None,
        "; ".join(filter(None, ["" if judged else "not judged", cut])) or None,
    )


def _cut_short(settings: DigitsSequenceSettings) -> str:
    short = []
    if settings.steps < PUBLISHED.steps:
        short.append(f"{settings.steps:,} of {PUBLISHED.steps:,} steps")
    if settings.batch < PUBLISHED.batch:
        short.append(f"{settings.batch} of {PUBLISHED.batch} sequences a step")
    if settings.lengths[-1] < PUBLISHED_LONGEST:
        short.append(f"tested up to {settings.lengths[-1]} of {PUBLISHED_LONGEST:,} images")
    return f"cut short: {', '.join(short)}" if short else ""
