"""The experiment: what the runner and the command need to know of products of two digits."""

from collections.abc import Sequence

import polars as pl

from extrapolate.experiments.digit_images import BETAS
from extrapolate.experiments.digits_product.claims import claims
from extrapolate.experiments.digits_product.part import (
    ENOUGH,
    LEARNING_RATE,
    PENALTY,
    DigitsProductPart,
)
from extrapolate.experiments.digits_product.settings import PRESETS, DigitsProductSettings
from extrapolate.experiments.findings import Claim
from extrapolate.experiments.old import Part
from extrapolate.experiments.outline import models_of
from extrapolate.experiments.summary import summarize
from extrapolate.tasks.digit_pairs import TESTED


class DigitsProductExperiment:
    """Which unit, told products alone, lets an eye find out what the digits are."""

    name = "digits-product"
    title = "Products of two digits: the labels that nobody supervised, and pairs never seen"
    source = (
        "Mistry, Farrahi & Hare, Improving the Robustness of Neural Multiplication Units with Reversible "
        "Stochasticity (arXiv 2211.05624, 2022)"
    )
    presets = PRESETS

    def outline(self, settings: DigitsProductSettings) -> str:
        counts = {"unit": len(settings.units), "kind of image": len(settings.images), "seed": settings.seeds}
        return models_of(counts, settings.steps)

    def parts(self, settings: DigitsProductSettings) -> Sequence[Part]:
        return [
            DigitsProductPart(unit, images, settings) for images in settings.images for unit in settings.units
        ]

    def notes(self, settings: DigitsProductSettings) -> list[str]:
        return [
            f"Adam (second decay {BETAS[1]:g}), rate {LEARNING_RATE:g} falling to 0 (published: 0.001 throughout), "
            f"squared error of the product, {settings.batch} pictures a step; penalty {PENALTY:g} on NMU kinds, "
            f"growing from 3 % to 4 % of the steps; images: {settings.data}, training, validation and test share "
            "none.",
            "Of the 100 ordered pairs of digits ten are never seen; which, the seed chooses (tenfold, as published).",
            "One eye for both digits: two convolutions of 3 × 3 in steps of 2 (8 and 16 channels) and two linear "
            "layers (64, then 10); a label is the mean digit under the softmax of its output.",
            "In colour: each digit lies at a random place of its own channel, on a canvas 1.5 times as large; two "
            "spatial transformers with affine maps (published: thin plate splines too) look for one each.",
            f"Tested on {TESTED} pictures of seen and of unseen pairs, of test images, at the step with the lowest "
            "validation error on seen pairs. Labels count in the order that is right more often: a product has none. "
            f"Solved: at least {ENOUGH:.0%} of the products of unseen pairs are right.",
            "Intervals (95 %): Wilson for success rates, Student's t for shares and their differences.",
        ]

    def summary(self, results: pl.DataFrame, settings: DigitsProductSettings) -> pl.DataFrame:
        return summarize(results)

    def claims(self, results: pl.DataFrame, settings: DigitsProductSettings) -> list[Claim]:
        return claims(results, settings)


DIGITS_PRODUCT = DigitsProductExperiment()
