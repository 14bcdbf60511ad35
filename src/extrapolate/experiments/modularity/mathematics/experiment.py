"""The experiment: what the runner and the command need to know of masks over school mathematics."""

from collections.abc import Sequence

import polars as pl

from extrapolate.experiments.findings import Claim
from extrapolate.experiments.modularity.experiment import MaskExperiment
from extrapolate.experiments.modularity.mathematics.claims import claims
from extrapolate.experiments.modularity.mathematics.settings import (
    GENERATED,
    MASKS,
    PRESETS,
    PUBLISHED,
    MathematicsSettings,
)
from extrapolate.experiments.modularity.mathematics.subject import MathematicsSubject
from extrapolate.experiments.modularity.part import MaskedPart
from extrapolate.experiments.modularity.sequences.settings import check_heads, networks
from extrapolate.experiments.old import Part


class ModularityMathematics(MaskExperiment):
    """Whether the weights that easy problems need answer hard ones of the same kind."""

    name = "modularity-mathematics"
    title = "Weight masks: do the weights that easy problems need answer hard ones"
    presets = PRESETS

    def outline(self, settings: MathematicsSettings) -> str:
        return (
            f"{networks(settings, 'transformer', len(settings.modules))} ({', '.join(settings.modules)}), "
            f"{settings.steps:,} steps, 2 masks each of {settings.mask_steps:,}"
        )

    def parts(self, settings: MathematicsSettings) -> Sequence[Part]:
        check_heads(settings.width, settings.heads)
        return [
            MaskedPart(MathematicsSubject(seed, settings, module), settings.device)
            for module in settings.modules
            for seed in range(settings.seeds)
        ]

    def notes(self, settings: MathematicsSettings) -> list[str]:
        paper = PRESETS["paper"]
        return [
            "Every network is trained on the easy, medium and hard problems of one module. control: the mask learned "
            "on all of them; easy: on the easy ones alone. An answer is right with every character and its end, the "
            "network going by what it wrote before, with the mask cut at keep-probability 1/2.",
            _origin(settings),
            f"Weights: Adam, rate {settings.rate:g} (published: {paper.rate:g}), batch {settings.batch}, "
            f"{settings.steps:,} steps, dropout {settings.dropout:g}, gradients of norm 0.1 at most; every "
            f"{settings.evaluate_every:,} steps they are tried on up to 1,000 test problems, and the best are kept. "
            f"Masks: Adam, rate {settings.mask_rate:g}, {settings.mask_steps:,} steps, {MASKS} drawn a step, "
            f"strength β = {settings.strength:g}; embeddings, which the logits are made of too, and biases are not "
            "masked.",
            f"Published: width {paper.width}, {paper.heads} heads, {paper.feedforward:,} between, {paper.layers} "
            f"layers each way, dropout {paper.dropout:g}; here {settings.width}, {settings.heads}, "
            f"{settings.feedforward:,}, {settings.layers}. {_steps(settings)}",
            "Where a network answers few hard problems to begin with, masks have little to lose there.",
            "Not published as a number: the bound of 0.05 is this package's.",
        ]

    def claims(self, results: pl.DataFrame, settings: MathematicsSettings) -> list[Claim]:
        return claims(results, settings)


def _origin(settings: MathematicsSettings) -> str:
    if settings.data == GENERATED:
        return (
            f"Problems are made here as those of the Mathematics Dataset are, {settings.problems:,} of each "
            f"difficulty to train on (published: about 656,666) and {settings.examined:,} to test (published: "
            "10,000); its archive is asked for by --data."
        )
    return (
        f"Problems: the published ones in {settings.data}, {settings.examined:,} of each difficulty to test."
    )


def _steps(settings: MathematicsSettings) -> str:
    """What was published for the modules that are run."""
    lines = [
        f"{name}: {own.steps:,} and {own.mask_steps:,} steps, batch {own.batch}, β = {own.strength:g}, masks at rate "
        f"{own.mask_rate:g}"
        for name, own in ((name, PUBLISHED[name]) for name in settings.modules)
    ]
    return f"Published for {'; '.join(lines)}."


MODULARITY_MATHEMATICS = ModularityMathematics()
