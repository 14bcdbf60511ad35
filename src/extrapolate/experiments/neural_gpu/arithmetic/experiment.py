"""The experiments: what the runner and the command need to know of Neural GPUs that compute."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import polars as pl

from extrapolate.experiments.findings import Claim
from extrapolate.experiments.neural_gpu.arithmetic.claims import carry_claims, claims
from extrapolate.experiments.neural_gpu.arithmetic.settings import (
    ADDITION,
    MULTIPLICATION,
    AdditionSettings,
    ArithmeticSettings,
)
from extrapolate.experiments.neural_gpu.arithmetic.sheets import (
    CHECK_CARRIES,
    CHECK_FAMILIES,
    CHECK_WIDTHS,
    AdditionQuestions,
    Families,
    Questions,
)
from extrapolate.experiments.neural_gpu.length_bins import LengthBins
from extrapolate.experiments.neural_gpu.part import RARE, NeuralGPUPart
from extrapolate.experiments.neural_gpu.recipe import FALLS_FROM, Recipe, falling
from extrapolate.experiments.old import Part
from extrapolate.experiments.summary import summarize
from extrapolate.tasks import Addition, Multiplication
from extrapolate.tasks.algorithms import addition_families, multiplication_families

S = TypeVar("S", bound=ArithmeticSettings)


@dataclass(frozen=True)
class NeuralGPUArithmetic(Generic[S]):
    """Whether a diagonal Neural GPU trained on 20 bits computes exactly at 2,000, and where it fails.

    ``published``: the widths of which the source says that its network makes no error.
    """

    name: str
    title: str
    task: Addition | Multiplication
    families: Families
    presets: Mapping[str, S]
    published: tuple[int, ...]

    source = (
        "Kaiser & Sutskever, Neural GPUs Learn Algorithms (arXiv 1511.08228, ICLR 2016); network and recipe of "
        "Freivalds & Liepins (arXiv 1702.08727); tests of carries after Price, Zaremba & Sutskever (arXiv 1611.00736)"
    )

    def outline(self, settings: S) -> str:
        seeds = f"{settings.seeds} network{'s' if settings.seeds > 1 else ''}"
        return f"{seeds} of at most {settings.steps:,} steps, tested up to {settings.widths[-1]:,} bits"

    def parts(self, settings: S) -> Sequence[Part]:
        return [
            self.part(tuple(range(first, min(first + settings.together, settings.seeds))), settings)
            for first in range(0, settings.seeds, settings.together)
        ]

    def part(self, seeds: tuple[int, ...], settings: S) -> NeuralGPUPart:
        """The networks of these seeds."""
        training = replace(self.task, operands=settings.draw)
        recipe = Recipe(
            training,
            seeds,
            settings.maps,
            settings.dropout,
            settings.batch,
            LengthBins(),
            settings.bins,
            falling,
            levels=settings.levels[-1] or None,
            slack=settings.slack,
        )
        questions = self.questions(settings)
        return NeuralGPUPart(
            recipe,
            settings.steps,
            settings.evaluate_every,
            tuple(questions.checks()),
            tuple(questions.sheets()),
            settings.device,
            levels=settings.levels,
            trials=tuple(questions.trials()),
        )

    def _rounding(self, settings: S) -> str:
        if not any(settings.levels):
            return "States are not rounded, as published."
        *others, finest = map(str, settings.levels)
        several = (
            f" in evaluations, then of 1/N, N being the one of {', '.join(others)} and {finest} that errs least "
            "on other questions, the coarsest of equals"
            if others
            else ""
        )
        return (
            "States are not rounded in training; a trained network answers with states moved to multiples of "
            f"1/{finest} after every step{several} (published: not): as a cellular automaton, whose errors cannot "
            "grow with the length."
        )

    def questions(self, settings: S) -> Questions:
        """What the networks are asked."""
        return Questions(self.task, self.families, settings)

    def checked(self) -> str:
        """What the networks are asked at every evaluation, in words."""
        widths, families = (", ".join(map(str, each)) for each in (CHECK_WIDTHS, CHECK_FAMILIES))
        return f"random pairs of {widths} bits, families of {families} bits"

    def notes(self, settings: S) -> list[str]:
        steps = f"{settings.slack} steps more than places" if settings.slack else "as many steps as places"
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
            f"The learning rate falls linearly over the last {1 - FALLS_FROM:.0%} of the steps (published: by "
            f"a third where the loss makes no progress). {self._rounding(settings)}",
            f"Every {settings.evaluate_every} steps a network is asked {self.checked()}; the evaluation with the "
            f"fewest errors counts, those on families {RARE:g}-fold. So weights are chosen on longer numbers than "
            "trained on.",
            f"Right: every place is, padding included; {steps}. Exact: no error on any sheet that "
            "was given out; the last width is given out where all before, shorter random pairs first, are exact.",
            "Intervals (95 %): Wilson for shares of networks, Student's t for shares of wrong sequences.",
        ]

    def summary(self, results: pl.DataFrame, settings: S) -> pl.DataFrame:
        return summarize(results)

    def claims(self, results: pl.DataFrame, settings: S) -> list[Claim]:
        families = self.families(settings.widths[0], 1)
        return claims(results, settings, self.presets["laptop"], families, self.published)


class NeuralGPUAddition(NeuralGPUArithmetic[AdditionSettings]):
    """Sums, which random pairs tell little of: carries of every length are trained and tested."""

    def questions(self, settings: AdditionSettings) -> AdditionQuestions:
        return AdditionQuestions(self.task, self.families, settings)

    def checked(self) -> str:
        return f"{super().checked()} and carries over {', '.join(map(str, CHECK_CARRIES))} places"

    def claims(self, results: pl.DataFrame, settings: AdditionSettings) -> list[Claim]:
        return [*super().claims(results, settings), *carry_claims(results, settings, self.presets["laptop"])]


NEURAL_GPU_ADDITION = NeuralGPUAddition(
    "neural-gpu-addition",
    "The Neural GPU on addition: trained up to 20 bits, tested up to 2,000 and on carries of every length",
    Addition(zero_filled=True),
    addition_families,
    ADDITION,
    (20, 25, 100, 200, 2_000),
)

NEURAL_GPU_MULTIPLICATION = NeuralGPUArithmetic(
    "neural-gpu-multiplication",
    "The Neural GPU on multiplication: trained up to 20 bits, tested up to 2,000",
    Multiplication(zero_filled=True),
    multiplication_families,
    MULTIPLICATION,
    (20, 25, 200, 2_000),
)
