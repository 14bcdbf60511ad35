"""The experiment: what the runner and the command need to know of the layers' speed."""

from collections.abc import Sequence

import polars as pl

from extrapolate.experiments.curves import curves_by, curves_table
from extrapolate.experiments.findings import Claim
from extrapolate.experiments.gilr_speed.claims import claims
from extrapolate.experiments.gilr_speed.part import SpeedPart
from extrapolate.experiments.gilr_speed.settings import PRESETS, SpeedSettings
from extrapolate.experiments.intervals import Estimate, mean_ratio
from extrapolate.experiments.old import Part
from extrapolate.experiments.summary import means


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
            "Intervals (95 %): Student's t for logarithms of ratios.",
        ]

    def summary(self, results: pl.DataFrame, settings: SpeedSettings) -> pl.DataFrame:
        return means(results, ["ours_ms", "loop_ms", "lstm_ms"])

    def curves(self, results: pl.DataFrame, settings: SpeedSettings) -> pl.DataFrame:
        layers = results.filter(pl.col("lstm_ms").is_not_null())
        return curves_table(
            "How many times faster",
            "One call against the other way, by the length of the sequences: how many times less time it took.",
            "steps of a sequence",
            "times faster",
            [
                *curves_by(
                    _against(results, "a loop over time", "loop_ms"), "length", _times, group="against"
                ),
                *curves_by(_against(layers, "torch's LSTM", "lstm_ms"), "length", _times, group="against"),
            ],
        )

    def claims(self, results: pl.DataFrame, settings: SpeedSettings) -> list[Claim]:
        return claims(results, settings)


def _against(results: pl.DataFrame, name: str, column: str) -> pl.DataFrame:
    return results.with_columns(against=pl.lit(f"against {name}"), theirs=pl.col(column))


def _times(rows: pl.DataFrame) -> Estimate:
    return mean_ratio(rows["theirs"].to_numpy(), rows["ours_ms"].to_numpy())


GILR_SPEED = GILRSpeed()
