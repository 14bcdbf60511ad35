"""The experiment: what the runner and the command need to know of the Arithmetic Dataset Task."""

from collections.abc import Sequence

import polars as pl

from extrapolate.experiments.arithmetic_dataset.claims import claims
from extrapolate.experiments.arithmetic_dataset.part import ArithmeticDatasetPart
from extrapolate.experiments.arithmetic_dataset.settings import PRESETS, ArithmeticDatasetSettings
from extrapolate.experiments.findings import Claim
from extrapolate.experiments.old import Part
from extrapolate.experiments.outline import models_of
from extrapolate.experiments.summary import summarize


class ArithmeticDatasetExperiment:
    """Which networks find both sums, and multiply them, in which range, from how many seeds."""

    name = "arithmetic-dataset"
    title = "The Arithmetic Dataset Task: the product of two sums over unknown parts of many numbers"
    source = (
        "Mistry, Farrahi & Hare, Improving the Robustness of Neural Multiplication Units with Reversible "
        "Stochasticity (arXiv 2211.05624, 2022); Madsen & Johansen, Neural Arithmetic Units (arXiv 2001.05016, "
        "ICLR 2020)"
    )
    presets = PRESETS

    def outline(self, settings: ArithmeticDatasetSettings) -> str:
        counts = {
            "network": len(settings.networks),
            "range": len(settings.ranges),
            "seed": settings.seeds,
        }
        return f"{models_of(counts, settings.steps)}, {settings.in_features} inputs"

    def parts(self, settings: ArithmeticDatasetSettings) -> Sequence[Part]:
        return [
            ArithmeticDatasetPart(network, pair, settings)
            for network in settings.networks
            for pair in settings.ranges
        ]

    def notes(self, settings: ArithmeticDatasetSettings) -> list[str]:
        return [
            f"Adam, rate 0.001, squared error, {settings.batch} fresh samples a step; penalty 10 on both layers "
            f"of NAU and NMU kinds, growing from step {settings.penalty_start:,} to {settings.penalty_end:,}.",
            f"{settings.in_features} inputs, two subsets of {settings.in_features // 4} that overlap by half, at a "
            "place that the seed chooses.",
            "The models of one range share one stream of inputs; each seed has subsets, start values and noise "
            "of its own.",
            "Solved: at the step with the lowest validation error, the extrapolation error (float64) is below that "
            f"of sums whose weights are all {settings.epsilon:g} off.",
            "Intervals (95 %): Wilson for success rates, Newcombe for their differences; profile likelihood of a "
            "Gamma for steps and of a Beta on [0, 0.5] for sparsity errors.",
        ]

    def summary(self, results: pl.DataFrame, settings: ArithmeticDatasetSettings) -> pl.DataFrame:
        return summarize(results)

    def claims(self, results: pl.DataFrame, settings: ArithmeticDatasetSettings) -> list[Claim]:
        return claims(results, settings)


ARITHMETIC_DATASET = ArithmeticDatasetExperiment()
