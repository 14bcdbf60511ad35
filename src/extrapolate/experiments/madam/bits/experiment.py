"""The experiment: what the runner and the command need to know of weights in a few bits."""

from collections.abc import Sequence

import polars as pl

from extrapolate.experiments.findings import Claim
from extrapolate.experiments.madam.bits.claims import claims
from extrapolate.experiments.madam.bits.part import BitsPart
from extrapolate.experiments.madam.bits.settings import PRESETS, BitsSettings
from extrapolate.experiments.madam.learning_rate.experiment import MADAM_LEARNING_RATE
from extrapolate.experiments.madam.learning_rate.part import DROP_AT
from extrapolate.experiments.old import Part
from extrapolate.experiments.summary import means


class MadamBits:
    """How many bits a weight needs when it is kept as a sign and a whole logarithm."""

    name = "madam-bits"
    title = "Madam in a few bits: digits read with weights of 8 to 16 bits, and with floats"
    source = MADAM_LEARNING_RATE.source
    presets = PRESETS

    def outline(self, settings: BitsSettings) -> str:
        kinds = f"{len(settings.weights)} kinds of weights × {settings.seeds} seeds"
        return f"{kinds} = {len(settings.weights) * settings.seeds} models of {settings.steps:,} steps"

    def parts(self, settings: BitsSettings) -> Sequence[Part]:
        return [BitsPart(weights, settings) for weights in settings.weights]

    def notes(self, settings: BitsSettings) -> list[str]:
        return [
            "Two convolutions (8 and 16 channels) and a dense layer on scikit-learn's digits, batches of 64, "
            f"cross-entropy. Rate 0.01, a tenth of it after {DROP_AT:.0%} of the steps.",
            "Bits count the sign. One tensor's weights span a factor of 60 from the smallest to the largest, "
            "whatever the bits; moves are rounded up or down at random, in the kinds called nearest to the nearest "
            "level as published.",
            "Weights begin at the level nearest to their float start; the published code draws them anew.",
            "Accuracies are those at the last step. Intervals (95 %): Student's t for them and their differences.",
        ]

    def summary(self, results: pl.DataFrame, settings: BitsSettings) -> pl.DataFrame:
        return means(results, ["accuracy", "error"])

    def claims(self, results: pl.DataFrame, settings: BitsSettings) -> list[Claim]:
        return claims(results, settings)


MADAM_BITS = MadamBits()
