"""The experiment: what the runner and the command need to know of counting even digits."""

from collections.abc import Sequence

import polars as pl

from extrapolate.experiments.digit_images import BETAS
from extrapolate.experiments.digits_parity.claims import claims
from extrapolate.experiments.digits_parity.part import ENOUGH, LEARNING_RATE, DigitsParityPart
from extrapolate.experiments.digits_parity.settings import PRESETS, DigitsParitySettings
from extrapolate.experiments.findings import Claim
from extrapolate.experiments.old import Part
from extrapolate.experiments.outline import models_of
from extrapolate.experiments.summary import summarize
from extrapolate.tasks import EvenDigits
from extrapolate.tasks.even_digits import TESTED, VALIDATED


class DigitsParityExperiment:
    """Whether an accumulator counts better than the usual output layer, and which of its parts does it."""

    name = "digits-parity"
    title = "Even digits in a picture: counted by a NAC or by the usual affine layer"
    source = (
        "Trask et al., Neural Arithmetic Logic Units (arXiv 1808.00508, NeurIPS 2018), after Seguí et al., Learning "
        "to Count with Deep Object Features (arXiv 1505.08082, 2015)"
    )
    presets = PRESETS

    def outline(self, settings: DigitsParitySettings) -> str:
        return models_of({"output layer": len(settings.heads), "seed": settings.seeds}, settings.steps)

    def parts(self, settings: DigitsParitySettings) -> Sequence[Part]:
        return [DigitsParityPart(head, settings) for head in settings.heads]

    def notes(self, settings: DigitsParitySettings) -> list[str]:
        return [
            f"Adam (second decay {BETAS[1]:g}), rate {LEARNING_RATE:g} falling to 0, squared error, {settings.batch} "
            f"pictures a step, made anew; images: {settings.data}; training, validation and test share none.",
            f"From one to {EvenDigits.most} digits in different cells of {EvenDigits.side} × {EvenDigits.side} "
            "(published: anywhere on a picture of 100 × 100). Two convolutions of 3 × 3 in steps of 2 (8 and 16 "
            "channels), a linear layer to 64 features, ReLU, then the output layer.",
            "Output layers: affine (free weights and a bias), linear (no bias), NAC (weights tanh·σ, no bias), "
            "NAC-bias (and a bias).",
            f"{VALIDATED} pictures of validation images choose the best step, {TESTED:,} of test images are the "
            f"test. Solved: at least {ENOUGH:.0%} of those are counted rightly, once rounded.",
            "Intervals (95 %): Wilson for success rates, Student's t for shares and their differences.",
        ]

    def summary(self, results: pl.DataFrame, settings: DigitsParitySettings) -> pl.DataFrame:
        return summarize(results)

    def claims(self, results: pl.DataFrame, settings: DigitsParitySettings) -> list[Claim]:
        return claims(results, settings)


DIGITS_PARITY = DigitsParityExperiment()
