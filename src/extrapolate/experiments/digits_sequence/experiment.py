"""The experiment: what the runner and the command need to know of digits in sequences."""

from collections.abc import Sequence

import polars as pl

from extrapolate.errors import UserError
from extrapolate.experiments.curves import curves_by, curves_table
from extrapolate.experiments.digit_images import BETAS
from extrapolate.experiments.digits_sequence.claims import claims
from extrapolate.experiments.digits_sequence.models import KINDS, REFERENCE
from extrapolate.experiments.digits_sequence.part import GREATEST, LONGER, TESTED, DigitsSequencePart
from extrapolate.experiments.digits_sequence.reference import with_solved
from extrapolate.experiments.digits_sequence.settings import PRESETS, DigitsSequenceSettings
from extrapolate.experiments.findings import Claim
from extrapolate.experiments.intervals import student
from extrapolate.experiments.old import Part
from extrapolate.experiments.outline import models_of
from extrapolate.experiments.summary import summarize


class DigitsSequenceExperiment:
    """What can count, add and multiply digits over sequences far longer than it was trained on."""

    name = "digits-sequence"
    title = "Digits in sequences: counted, added and multiplied, on sequences up to a hundred times as long"
    source = (
        "Trask et al., Neural Arithmetic Logic Units (arXiv 1808.00508, NeurIPS 2018); Madsen & Johansen, Neural "
        "Arithmetic Units (arXiv 2001.05016, ICLR 2020)"
    )
    presets = PRESETS

    def outline(self, settings: DigitsSequenceSettings) -> str:
        counts = {"pair of model and task": len(self._pairs(settings)), "seed": settings.seeds}
        return f"{models_of(counts, settings.steps)} (counting: more)"

    @staticmethod
    def _pairs(settings: DigitsSequenceSettings) -> list[tuple[str, str]]:
        """Models and tasks that go together; the reference of every task first, since it judges the others."""
        models = [REFERENCE, *settings.models]
        return [(model, task) for task in settings.tasks for model in models if task in KINDS[model].rules]

    def parts(self, settings: DigitsSequenceSettings) -> Sequence[Part]:
        pairs = self._pairs(settings)
        idle = [name for name in settings.models if all(model != name for model, _ in pairs)]
        if idle:
            tasks = " or ".join(KINDS[idle[0]].rules)
            raise UserError(f"--models: {', '.join(idle)} can learn {tasks} alone: add that to --tasks")
        return [DigitsSequencePart(model, task, settings) for model, task in pairs]

    def notes(self, settings: DigitsSequenceSettings) -> list[str]:
        return [
            f"Adam (second decay {BETAS[1]:g}), rate 0.01, recurrent networks 0.003, falling to 0; squared error of "
            f"the answers after each image, as in Madsen & Johansen's code; {settings.batch} sequences a step, of "
            f"10 images (products: 2); images: {settings.data}, drawn with replacement; the test shares none. "
            f"Counting is trained {LONGER['count']} times as long as the others.",
            "Each image goes through two convolutions of 3 × 3 in steps of 2 (8 and 16 channels) and two linear "
            "layers (64, then the features). LSTM, GRU, RNN: 10 features, a state of 32 and a linear layer. Units: "
            "as many features as answers (a single label for sums and products); the unit of the answer so far and "
            "the features is the next answer. Products leave digit 0 out.",
            "NAC, NAU, NMU and StochasticNMU: Madsen & Johansen's R_z (scale 1) on sums and products. NAU, NMU and "
            "StochasticNMU: sparsity penalty 10, growing over the second half of the training. StochasticNMU: the "
            "images of a sequence share a step's noise.",
            f"Tested on {TESTED} sequences; the best step is that with the lowest error on fixed sequences of "
            "training images, of the length trained on. Solved: at the greatest length the squared error is below "
            f"the upper 99 % bound (one-sided t) of the {REFERENCE}'s, whose accumulator is perfect and whose eye "
            "learns in the same way.",
            f"An error that overflows is taken to be {GREATEST:g}.",
            "Intervals (95 %): Wilson for success rates, Student's t for errors and powers of ten.",
        ]

    def summary(self, results: pl.DataFrame, settings: DigitsSequenceSettings) -> pl.DataFrame:
        return summarize(with_solved(results).with_columns(pl.col("solved").fill_null(False)))

    def curves(self, results: pl.DataFrame, settings: DigitsSequenceSettings) -> pl.DataFrame:
        errors = [name for name in results.columns if name.startswith("error_")]
        by_length = results.unpivot(errors, index=["operation", "unit"], value_name="error").drop_nulls(
            "error"
        )
        length = pl.col("variable").str.strip_prefix("error_").cast(pl.Int64)
        return curves_table(
            "Error by length",
            "The mean absolute error, a mean over seeds, by the number of images in a sequence.",
            "images in a sequence",
            "error",
            curves_by(
                by_length.with_columns(length=length),
                "length",
                lambda rows: student(rows["error"].to_numpy()),
            ),
        )

    def claims(self, results: pl.DataFrame, settings: DigitsSequenceSettings) -> list[Claim]:
        return claims(results, settings)


DIGITS_SEQUENCE = DigitsSequenceExperiment()
