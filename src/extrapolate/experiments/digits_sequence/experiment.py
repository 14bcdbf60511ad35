"""The experiment: what the runner and the command need to know of digits in sequences."""

import math
from collections.abc import Sequence

import polars as pl

from extrapolate.experiments.digits_sequence.claims import claims
from extrapolate.experiments.digits_sequence.part import LEARNING_RATE, LENGTH, TESTED, DigitsSequencePart
from extrapolate.experiments.digits_sequence.settings import PRESETS, DigitsSequenceSettings
from extrapolate.experiments.experiment import Claim, Part
from extrapolate.experiments.single_module.summary import summarize


class DigitsSequenceExperiment:
    """What can count and add digits over sequences a hundred times longer than it was trained on."""

    name = "digits-sequence"
    title = "Digits in sequences: counted and added, trained on 10 images, tested on up to 1,000"
    source = (
        "Trask et al., Neural Arithmetic Logic Units (arXiv 1808.00508, NeurIPS 2018); Madsen & Johansen, Neural "
        "Arithmetic Units (arXiv 2001.05016, ICLR 2020)"
    )
    presets = PRESETS

    def outline(self, settings: DigitsSequenceSettings) -> str:
        counts = {"model": len(settings.models), "task": len(settings.tasks), "seed": settings.seeds}
        factors = " × ".join(f"{n} {name}{'s' if n > 1 else ''}" for name, n in counts.items())
        return f"{factors} = {math.prod(counts.values()):,} models of {settings.steps:,} steps"

    def parts(self, settings: DigitsSequenceSettings) -> Sequence[Part]:
        return [
            DigitsSequencePart(model, task, settings) for task in settings.tasks for model in settings.models
        ]

    def notes(self, settings: DigitsSequenceSettings) -> list[str]:
        return [
            f"Adam, rate {LEARNING_RATE:g}, squared error of the last answer, {settings.batch} sequences of {LENGTH} "
            f"images a step; images: {settings.data}, drawn with replacement; the sets of images share none.",
            "Each image goes through two convolutions of 3 × 3 in steps of 2 (8 and 16 channels) and a linear layer "
            "to 10 features. LSTM, GRU, RNN: a state of 32 and a linear layer; NAC, NALU, NAU: the unit of the "
            "answer so far and the features is the next answer.",
            f"Tested on {TESTED} sequences of each length, at the step with the lowest validation error (10 images). "
            "Solved: at the greatest length the mean absolute error is below a tenth of the mean answer.",
            "Intervals (95 %): Wilson for success rates, Student's t for errors and powers of ten.",
        ]

    def summary(self, results: pl.DataFrame, settings: DigitsSequenceSettings) -> pl.DataFrame:
        return summarize(
            results.with_columns(solved_at=pl.lit(None, pl.Int64), sparsity_error=pl.lit(None, pl.Float64))
        )

    def claims(self, results: pl.DataFrame, settings: DigitsSequenceSettings) -> list[Claim]:
        return claims(results, settings)


DIGITS_SEQUENCE = DigitsSequenceExperiment()
