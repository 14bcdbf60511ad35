"""The experiment: what the runner and the command need to know of masks over the splits of SCAN."""

from collections.abc import Sequence

import polars as pl

from extrapolate.experiments.findings import Claim
from extrapolate.experiments.modularity.experiment import MaskExperiment
from extrapolate.experiments.modularity.part import MaskedPart
from extrapolate.experiments.modularity.scan.claims import claims
from extrapolate.experiments.modularity.scan.networks import KINDS
from extrapolate.experiments.modularity.scan.settings import PRESETS, ScanSettings
from extrapolate.experiments.modularity.scan.subject import ScanSubject
from extrapolate.experiments.modularity.sequences.settings import check_heads, networks
from extrapolate.experiments.old import Part


class ModularityScan(MaskExperiment):
    """Whether the weights that one kind of commands needs carry out commands of another kind."""

    name = "modularity-scan"
    title = "Weight masks: do the weights that some commands need carry out others"
    presets = PRESETS

    def outline(self, settings: ScanSettings) -> str:
        kind = KINDS[settings.network].title
        return (
            f"{networks(settings, kind)}, {settings.steps:,} steps, 4 masks each of {settings.mask_steps:,}"
        )

    def parts(self, settings: ScanSettings) -> Sequence[Part]:
        check_heads(settings.width, KINDS[settings.network].heads)
        return [MaskedPart(ScanSubject(seed, settings), settings.device) for seed in range(settings.seeds)]

    def notes(self, settings: ScanSettings) -> list[str]:
        paper, kind = PRESETS["paper"], KINDS[settings.network]
        told = kind.published.told
        return [
            "The network is trained on the simple split, a random four fifths of all commands: about 80 % of the "
            "test commands of the other splits are in there. control: the mask learned on these commands; length, "
            "jump, turn_left: on the training commands of that split. An answer is right with every action and its "
            "end, the network going by what it said before, with the mask cut at keep-probability 1/2.",
            f"Of each test set up to {settings.examined:,} commands are asked. Every {settings.evaluate_every:,} "
            "steps the weights are tried on up to 1,000 test commands of the simple split; the best are kept.",
            f"Weights: Adam, rate {settings.rate:g} (published: {paper.rate:g}), {settings.steps:,} steps "
            f"(published: {paper.steps:,}), dropout {settings.dropout:g}, batch {settings.batch} "
            f"(published: {paper.batch}), gradients of norm 5 at most.",
            f"Masks: Adam, rate {settings.mask_rate:g} (published: {paper.mask_rate:g}), {settings.mask_steps:,} "
            f"steps (published: {paper.mask_steps:,}), four drawn a step, strength β = {settings.strength:g}; "
            "embeddings and biases are not masked.",
            f"Published sizes of this network: {kind.sizes}. The decoder is told the right answer so far in "
            f"{100 * told:g} % of the batches, of weights and masks alike, as published.",
            "The simple split is a random one of the published sizes, the same for all networks.",
            "Not published as numbers: the bounds of the findings (95 %, 0.05, 0.1) are this package's.",
        ]

    def claims(self, results: pl.DataFrame, settings: ScanSettings) -> list[Claim]:
        return claims(results, settings)


MODULARITY_SCAN = ModularityScan()
