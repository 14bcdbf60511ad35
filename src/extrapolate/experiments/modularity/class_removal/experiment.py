"""The experiment: what the runner and the command need to know of masks that leave out a class."""

from collections.abc import Sequence

import polars as pl

from extrapolate.experiments.findings import Claim
from extrapolate.experiments.modularity.class_removal.claims import claims
from extrapolate.experiments.modularity.class_removal.settings import PRESETS, ClassRemovalSettings
from extrapolate.experiments.modularity.class_removal.subject import ClassRemoval
from extrapolate.experiments.modularity.experiment import MaskExperiment
from extrapolate.experiments.modularity.part import MaskedPart
from extrapolate.experiments.old import Part


class ModularityClassRemoval(MaskExperiment):
    """Whether an image classifier has weights that only one class needs."""

    name = "modularity-class-removal"
    title = "Weight masks: what an image classifier loses with the weights that only one class needs"
    presets = PRESETS

    def outline(self, settings: ClassRemovalSettings) -> str:
        channels = "-".join(map(str, settings.channels))
        return (
            f"{settings.seeds} convolutional network{'s' if settings.seeds > 1 else ''} {channels} of "
            f"{settings.steps:,} steps, {1 + settings.removed} masks each of {settings.mask_steps:,}"
        )

    def parts(self, settings: ClassRemovalSettings) -> Sequence[Part]:
        return [MaskedPart(ClassRemoval(seed, settings), settings.device) for seed in range(settings.seeds)]

    def notes(self, settings: ClassRemovalSettings) -> list[str]:
        paper = self.presets["paper"]
        return [
            f"Images: {settings.data} (published: CIFAR-10). Shares are of the images that no weight was trained on, "
            "with masks cut at keep-probability 1/2; masks are learned on training images.",
            f"Weights: Adam, rate 1e-3, batch {settings.batch}, {settings.steps:,} steps (published: "
            f"{paper.steps:,}), dropout {settings.dropout:g} after the last convolution and half of it before. "
            f"Masks: Adam, rate {settings.rate:g} (published: {paper.rate:g}), {settings.mask_steps:,} steps "
            f"(published: {paper.mask_steps:,}), four drawn a step, strength "
            f"β = {settings.strength:g} (published: {paper.strength:g}, for a loss that stays far above that of "
            "digits); biases are masked too.",
            "control: the mask learned on all classes. without c: learned on the nine others, still among ten "
            "answers; its last layer is that of the control mask, so that the class is not just cut off there.",
            "The largest loss of another class is a maximum over nine: with few images of a class, chance alone "
            "makes it more than 0.",
        ]

    def claims(self, results: pl.DataFrame, settings: ClassRemovalSettings) -> list[Claim]:
        return claims(results, settings)


MODULARITY_CLASS_REMOVAL = ModularityClassRemoval()
