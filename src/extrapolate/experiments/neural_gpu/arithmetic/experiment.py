"""The experiments: what the runner and the command need to know of Neural GPUs that compute."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from extrapolate.experiments.experiment import Claim, Part
from extrapolate.experiments.neural_gpu.arithmetic.claims import claims
from extrapolate.experiments.neural_gpu.arithmetic.settings import ADDITION, ArithmeticSettings
from extrapolate.experiments.neural_gpu.arithmetic.sheets import (
    CHECK_CARRIES,
    CHECK_WIDTHS,
    Families,
    Questions,
)
from extrapolate.experiments.neural_gpu.part import PERFECT, NeuralGPUPart
from extrapolate.experiments.neural_gpu.recipe import Recipe
from extrapolate.experiments.summary import summarize
from extrapolate.tasks import Addition, Multiplication
from extrapolate.tasks.algorithms import addition_families
from extrapolate.training.length_bins import LengthBins


@dataclass(frozen=True)
class NeuralGPUArithmetic:
    """Whether a diagonal Neural GPU trained on 20 bits computes exactly at 2,000, and where it fails."""

    name: str
    title: str
    task: Addition | Multiplication
    families: Families
    presets: Mapping[str, ArithmeticSettings]

    source = (
        "Kaiser & Sutskever, Neural GPUs Learn Algorithms (arXiv 1511.08228, ICLR 2016); network and recipe of "
        "Freivalds & Liepins (arXiv 1702.08727); tests of carries after Price, Zaremba & Sutskever (arXiv 1611.00736)"
    )

    def outline(self, settings: ArithmeticSettings) -> str:
        seeds = f"{settings.seeds} network{'s' if settings.seeds > 1 else ''}"
        return f"{seeds} of at most {settings.steps:,} steps, tested up to {settings.widths[-1]:,} bits"

    def parts(self, settings: ArithmeticSettings) -> Sequence[Part]:
        return [
            self.part(tuple(range(first, min(first + settings.together, settings.seeds))), settings)
            for first in range(0, settings.seeds, settings.together)
        ]

    def part(self, seeds: tuple[int, ...], settings: ArithmeticSettings) -> NeuralGPUPart:
        """The networks of these seeds."""
        training = replace(self.task, operands=settings.draw)
        recipe = Recipe(
            training, seeds, settings.maps, settings.dropout, settings.batch, LengthBins(), settings.bins
        )
        questions = Questions(self.task, self.families, settings)
        return NeuralGPUPart(
            recipe,
            settings.steps,
            settings.evaluate_every,
            tuple(questions.checks()),
            tuple(questions.sheets()),
            settings.device,
        )

    def notes(self, settings: ArithmeticSettings) -> list[str]:
        filled = (
            "zero-filled to the whole length" if self.task.zero_filled else "significant digits, then padding"
        )
        return [
            f"Operands of equal width behind one another, least significant bit first; answers: {filled}. "
            f"Training operands of at most 20 bits, drawn {settings.operands}; fresh in every step (published: a "
            "fixed pool).",
            f"A diagonal Neural GPU of {settings.maps} numbers a place, dropout {settings.dropout:g} (published: "
            f"{self.presets['paper'].dropout:g}); "
            f"{settings.batch} pairs of {settings.bins} of nine groups of lengths a step (published: 32 of all). "
            "Not in the recipe here: noise on gradients.",
            f"A network ends once {PERFECT} evaluations in a row show no error on random pairs of "
            f"{', '.join(map(str, CHECK_WIDTHS))} bits and carries over {', '.join(map(str, CHECK_CARRIES))} places; "
            "the evaluation with the fewest errors counts. So weights are chosen on longer numbers than trained on.",
            "Right: every place is, padding included; as many steps as places. Exact: no error on any sheet that "
            "was given out; the last width is given out where all before are exact.",
            "Intervals (95 %): Wilson for shares of networks, Student's t for shares of wrong sequences.",
        ]

    def summary(self, results: pl.DataFrame, settings: ArithmeticSettings) -> pl.DataFrame:
        return summarize(results)

    def claims(self, results: pl.DataFrame, settings: ArithmeticSettings) -> list[Claim]:
        return claims(results, settings, self.presets["laptop"], self.families(settings.widths[0], 1))


NEURAL_GPU_ADDITION = NeuralGPUArithmetic(
    "neural-gpu-addition",
    "The Neural GPU on addition: trained up to 20 bits, tested up to 2,000 and on carries of every length",
    Addition(),
    addition_families,
    ADDITION,
)
