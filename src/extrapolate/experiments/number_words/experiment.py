"""The experiment: what the runner and the command need to know of reading number words."""

from collections.abc import Sequence

import polars as pl

from extrapolate.experiments.findings import Claim
from extrapolate.experiments.number_words.claims import claims
from extrapolate.experiments.number_words.part import LEARNING_RATE, NumberWordsPart
from extrapolate.experiments.number_words.settings import PRESETS, NumberWordsSettings
from extrapolate.experiments.old import Part
from extrapolate.experiments.outline import models_of
from extrapolate.experiments.summary import summarize


class NumberWordsExperiment:
    """Which read-out lets an LSTM read numbers that it never met."""

    name = "number-words"
    title = "Number words: reading 'three hundred and thirty four' after 169 other numbers"
    source = "Trask et al., Neural Arithmetic Logic Units (arXiv 1808.00508, NeurIPS 2018)"
    presets = PRESETS

    def outline(self, settings: NumberWordsSettings) -> str:
        return models_of({"model": len(settings.models), "seed": settings.seeds}, settings.steps)

    def parts(self, settings: NumberWordsSettings) -> Sequence[Part]:
        return [NumberWordsPart(model, settings) for model in settings.models]

    def notes(self, settings: NumberWordsSettings) -> list[str]:
        return [
            f"Adam, rate {LEARNING_RATE:g}, mean absolute error at the last word, {settings.batch} numbers a step "
            f"drawn from the 169; embedding and LSTM of size {settings.hidden}. The published rate and batch are "
            "not known.",
            "Trained on: 0 to 20, 1,000, and others at random (seed 0) so that every word is met; 200 numbers choose "
            "the best step, the other 632 are the test.",
            "Solved: the mean absolute error on the test numbers is below 0.5.",
            "Intervals (95 %): Wilson for success rates, Student's t for errors and their differences.",
        ]

    def summary(self, results: pl.DataFrame, settings: NumberWordsSettings) -> pl.DataFrame:
        return summarize(results)

    def claims(self, results: pl.DataFrame, settings: NumberWordsSettings) -> list[Claim]:
        return claims(results, settings)


NUMBER_WORDS = NumberWordsExperiment()
