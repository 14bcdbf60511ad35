"""The experiment: what the runner and the command need to know of masks over addition and multiplication."""

from collections.abc import Sequence

import polars as pl

from extrapolate.experiments.findings import Claim
from extrapolate.experiments.modularity.add_mul.claims import claims
from extrapolate.experiments.modularity.add_mul.settings import PRESETS
from extrapolate.experiments.modularity.add_mul.subject import AddMul
from extrapolate.experiments.modularity.dense import DenseSettings, networks
from extrapolate.experiments.modularity.experiment import MaskExperiment
from extrapolate.experiments.modularity.part import MaskedPart
from extrapolate.experiments.old import Part


class ModularityAddMul(MaskExperiment):
    """Whether one network that adds and multiplies does so with different weights."""

    name = "modularity-add-mul"
    title = "Weight masks: which weights of one network add, and which multiply"
    presets = PRESETS

    def outline(self, settings: DenseSettings) -> str:
        return f"{networks(settings)} of {settings.steps:,} steps, 3 masks each of {settings.mask_steps:,}"

    def parts(self, settings: DenseSettings) -> Sequence[Part]:
        return [MaskedPart(AddMul(seed, settings), settings.device) for seed in range(settings.seeds)]

    def notes(self, settings: DenseSettings) -> list[str]:
        return [
            "Two numbers of two digits and a sign, one-hot; the answer modulo 100. Accuracies are over all 10,000 "
            "pairs of an operation, all digits right, with the mask cut at keep-probability 1/2. The weights are "
            "trained on all pairs: a network that is always right has learned the table.",
            f"Weights: Adam, rate 1e-3, batch {settings.batch}, {settings.steps:,} steps (published: "
            f"{self.presets['paper'].steps:,}), gradients of norm 1 at most. Masks: Adam, rate 1e-2, "
            f"four drawn a step, strength β = {settings.strength:g}; weight matrices are masked, biases are not.",
            "control: the mask learned on both operations. ¬m: the network without the weights of mask m. A half: "
            "the control mask in the first or last layers only.",
            "Not published as numbers: the bounds of the findings (95 %, 99 %, 5 %, 1.5, 0.35) are this package's.",
        ]

    def claims(self, results: pl.DataFrame, settings: DenseSettings) -> list[Claim]:
        return claims(results, settings)


MODULARITY_ADD_MUL = ModularityAddMul()
