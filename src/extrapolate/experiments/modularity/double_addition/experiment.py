"""The experiment: what the runner and the command need to know of masks over an addition done in two places."""

from collections.abc import Sequence

import polars as pl

from extrapolate.experiments.findings import Claim
from extrapolate.experiments.modularity.dense import DenseSettings, networks
from extrapolate.experiments.modularity.double_addition.claims import claims
from extrapolate.experiments.modularity.double_addition.settings import PRESETS
from extrapolate.experiments.modularity.double_addition.subject import DoubleAddition
from extrapolate.experiments.modularity.experiment import MaskExperiment
from extrapolate.experiments.modularity.part import MaskedPart
from extrapolate.experiments.old import Part


class ModularityDoubleAddition(MaskExperiment):
    """Whether a network that adds two pairs of numbers uses the same weights for both."""

    name = "modularity-double-addition"
    title = "Weight masks: are the weights that add one pair of numbers used again for another"
    presets = PRESETS

    def outline(self, settings: DenseSettings) -> str:
        return (
            f"{networks(settings)} of {settings.steps:,} steps, 3 masks each over it and over a copy, of "
            f"{settings.mask_steps:,}"
        )

    def parts(self, settings: DenseSettings) -> Sequence[Part]:
        return [MaskedPart(DoubleAddition(seed, settings), settings.device) for seed in range(settings.seeds)]

    def notes(self, settings: DenseSettings) -> list[str]:
        paper = self.presets["paper"]
        return [
            "Two pairs of numbers of two digits, one-hot, with inputs and outputs of their own, one pair at a time; "
            "sums modulo 100. Accuracies are over all 10,000 sums of a pair, all digits right, with the mask cut at "
            "keep-probability 1/2.",
            f"Weights: Adam, rate 1e-3, batch {settings.batch}, {settings.steps:,} steps (published: "
            f"{paper.steps:,}), gradients of norm 1 at most. Masks: Adam, rate 1e-2, {settings.mask_steps:,} steps "
            f"(published: {paper.mask_steps:,}), four drawn a step, strength β = {settings.strength:g}; weight "
            "matrices are masked, biases are not.",
            "control: the mask learned on both pairs. copied: after training the second pair's weights of the first "
            "and last layer are put in the first pair's places, so both are computed by the same weights; masks "
            "must find that.",
            "¬m: the network without the weights of mask m. inside: in hidden layers only; first and last, "
            "which cannot be shared, under the control mask.",
            "Not published as numbers: the bounds of the findings (95 %, 75 %, 50 %) are this package's.",
        ]

    def claims(self, results: pl.DataFrame, settings: DenseSettings) -> list[Claim]:
        return claims(results, settings)


MODULARITY_DOUBLE_ADDITION = ModularityDoubleAddition()
