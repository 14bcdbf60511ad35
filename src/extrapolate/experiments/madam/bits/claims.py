"""How the published findings are judged on the results; what was measured beside them."""

import polars as pl

from extrapolate.experiments.findings import Claim, interval_of
from extrapolate.experiments.intervals import student
from extrapolate.experiments.madam.bits.settings import PRESETS, BitsSettings
from extrapolate.experiments.old import measurement

SOURCE = "arXiv 2006.14560"
FLOATS, FEW = "float32", "12-bit"

#: How many points of accuracy the few bits may cost.
POINTS = 1.0


def claims(results: pl.DataFrame, settings: BitsSettings) -> list[Claim]:
    """The finding about 12 bits, then every kind's accuracy and what it costs against floats."""
    groups = {str(name): rows.sort("seed") for (name,), rows in results.group_by("unit", maintain_order=True)}
    found = [_close(groups[FEW], groups[FLOATS], settings)] if {FEW, FLOATS} <= groups.keys() else []
    for name, rows in groups.items():
        accuracy = student(100 * rows["accuracy"].to_numpy())
        found.append(measurement(f"{name}/accuracy", f"{name}: accuracy on the test digits, %", accuracy))
        if name != FLOATS and FLOATS in groups:
            lost = student(_lost(rows, groups[FLOATS]))
            text = f"{name}: points of accuracy less than {FLOATS}"
            found.append(measurement(f"{name}/points-lost", text, lost))
    return found


def _lost(rows: pl.DataFrame, floats: pl.DataFrame):
    return 100 * (floats["accuracy"] - rows["accuracy"]).to_numpy()


def _close(few: pl.DataFrame, floats: pl.DataFrame, settings: BitsSettings) -> Claim:
    lost = student(_lost(few, floats))
    judged = settings.steps >= PRESETS["laptop"].steps and lost.high is not None
    return Claim(
        f"{FEW}/as-good-as-floats",
        f"weights of 12 bits read digits within {POINTS:g} point of {FLOATS} (measured: points less, seed by seed)",
        f"12 bits train as floats do, on larger tasks ({SOURCE}; its table was not read)",
        lost.value,
        interval_of(lost),
        2 * lost.n,
        lost.high <= POINTS if judged and lost.high is not None else None,
        None if judged else "not judged: fewer steps than the laptop preset, or one seed",
    )
