"""The experiment: what the runner and the command need to know of the noise study."""

from collections.abc import Sequence

import polars as pl

from extrapolate.experiments.arithmetic_dataset.experiment import ArithmeticDatasetExperiment
from extrapolate.experiments.arithmetic_dataset.settings import ArithmeticDatasetSettings
from extrapolate.experiments.findings import Claim
from extrapolate.experiments.noise_range.claims import claims
from extrapolate.experiments.noise_range.part import NoiseRangePart
from extrapolate.experiments.noise_range.settings import PRESETS
from extrapolate.experiments.old import Part


class NoiseRangeExperiment(ArithmeticDatasetExperiment):
    """How the upper end of the noise changes what the stochastic NMU solves."""

    name = "noise-range"
    title = (
        "How much noise the stochastic NMU needs: the Arithmetic Dataset Task over upper ends of the noise"
    )
    source = (
        "Mistry, Farrahi & Hare, Improving the Robustness of Neural Multiplication Units with Reversible "
        "Stochasticity (arXiv 2211.05624, 2022)"
    )
    presets = PRESETS

    def parts(self, settings: ArithmeticDatasetSettings) -> Sequence[Part]:
        return [
            NoiseRangePart(network, pair, settings)
            for network in settings.networks
            for pair in settings.ranges
        ]

    def notes(self, settings: ArithmeticDatasetSettings) -> list[str]:
        noise = (
            "NAU-StochasticNMU-k: noise U[1, k]; NAU-BatchStochasticNMU: U[1, 1 + 1 / std] of the batch, anew at "
            "every step."
        )
        published = (
            "The authors' script (bmistry4/nalm-robust-nmu, arithmetic_dataset_noise_ranges.sh) tries U[0.01, 0.05], "
            "U[0.1, 0.5], U[1, 2] and U[5, 10] beside U[1, 5]; here the noise always begins at 1."
        )
        return [noise, published, *super().notes(settings)]

    def claims(self, results: pl.DataFrame, settings: ArithmeticDatasetSettings) -> list[Claim]:
        return claims(results, settings)


NOISE_RANGE = NoiseRangeExperiment()
