"""The experiment: what the runner and the command need to know of masks at several strengths."""

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from extrapolate.experiments.findings import Claim
from extrapolate.experiments.modularity.dense import networks
from extrapolate.experiments.modularity.experiment import MaskExperiment
from extrapolate.experiments.modularity.part import MaskedPart
from extrapolate.experiments.modularity.strength.claims import claims
from extrapolate.experiments.modularity.strength.settings import PRESETS, StrengthSettings
from extrapolate.experiments.modularity.strength.subject import Pressed
from extrapolate.experiments.old import Part


class ModularityStrength(MaskExperiment):
    """How masks depend on how hard weights are pressed out of them."""

    name = "modularity-strength"
    title = "Weight masks: what is kept, right and shared as weights are pressed out harder"
    presets = PRESETS

    def outline(self, settings: StrengthSettings) -> str:
        return (
            f"{networks(settings)} of {settings.steps:,} steps at each of {len(settings.strengths)} strengths, "
            f"3 masks each of {settings.mask_steps:,}"
        )

    def parts(self, settings: StrengthSettings) -> Sequence[Part]:
        return [
            MaskedPart(Pressed(seed, replace(settings, strength=strength)), settings.device)
            for seed in range(settings.seeds)
            for strength in settings.strengths
        ]

    def notes(self, settings: StrengthSettings) -> list[str]:
        paper = self.presets["paper"]
        return [
            "Two numbers of two digits and a sign, one-hot; the answer modulo 100. Accuracies are over all 10,000 "
            "pairs of an operation, all digits right, with the mask cut at keep-probability 1/2.",
            f"Weights: Adam, rate 1e-3, batch {settings.batch}, {settings.steps:,} steps (published: "
            f"{paper.steps:,}). Masks: Adam, rate 1e-2, four drawn a step, {settings.mask_steps:,} steps (published: "
            f"{paper.mask_steps:,}); weight matrices are masked, biases are not. A network of one seed is the "
            "same at every strength.",
            f"Strengths β: {', '.join(f'{each:g}' for each in settings.strengths)} (published: "
            f"{len(paper.strengths)} from {paper.strengths[0]:g} to {paper.strengths[-1]:g}, networks "
            f"{'-'.join(map(str, paper.hidden))} and wider).",
        ]

    def claims(self, results: pl.DataFrame, settings: StrengthSettings) -> list[Claim]:
        return claims(results, settings)


MODULARITY_STRENGTH = ModularityStrength()
