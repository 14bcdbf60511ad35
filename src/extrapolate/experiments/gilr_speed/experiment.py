"""The experiment: what the runner and the command need to know of the layers' speed."""

from collections.abc import Sequence

import polars as pl

from extrapolate.experiments.experiment import Claim, Part
from extrapolate.experiments.gilr_speed.claims import claims
from extrapolate.experiments.gilr_speed.part import SpeedPart
from extrapolate.experiments.gilr_speed.settings import PRESETS, SpeedSettings
from extrapolate.experiments.single_module.summary import summarize


class GILRSpeed:
    """How much faster layers of linear recurrences are than a loop over time, and than an LSTM."""

    name = "gilr-speed"
    title = "Speed of linear recurrences: one call against a loop over time, and against an LSTM"
    source = (
        "Martin & Cundy, Parallelizing Linear Recurrent Neural Nets Over Sequence Length (arXiv 1709.04057, "
        "ICLR 2018)"
    )
    presets = PRESETS

    def outline(self, settings: SpeedSettings) -> str:
        lengths = ", ".join(f"{length:,}" for length in settings.lengths)
        return f"{len(settings.layers)} layers of {settings.hidden} units timed on {lengths} steps"

    def parts(self, settings: SpeedSettings) -> Sequence[Part]:
        return [SpeedPart(settings)]

    def notes(self, settings: SpeedSettings) -> list[str]:
        return [
            f"Layers: a training step (forward, backward) of two layers of {settings.hidden} units on sequences of "
            f"4 features, {settings.elements:,} steps in all; float32, one core on a CPU. The bare recurrence: "
            "forward, one sequence.",
            f"{settings.repeats} measurements of each, the sides taking turns in one process; one before them is "
            "left out. Nothing else should run meanwhile.",
            "The published serial scan is a kernel on the same GPU; here it is a loop over time in Python, as it is "
            "usually written, and an LSTM of torch's stands beside it as the serial kernel of this machine.",
            "Solved: a measurement in which the one call was faster than the loop. Intervals (95 %): Wilson for "
            "shares, Student's t for logarithms of ratios.",
        ]

    def summary(self, results: pl.DataFrame, settings: SpeedSettings) -> pl.DataFrame:
        return summarize(
            results.with_columns(solved_at=pl.lit(None, pl.Int64), sparsity_error=pl.lit(None, pl.Float64))
        )

    def claims(self, results: pl.DataFrame, settings: SpeedSettings) -> list[Claim]:
        return claims(results, settings)


GILR_SPEED = GILRSpeed()
