"""The experiments: what the runner and the command need to know of functions of two sums."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from extrapolate.experiments.findings import Claim
from extrapolate.experiments.functions.claims import GREATEST_SCORE, LEAST_SCORE, claims
from extrapolate.experiments.functions.part import FORMS, PENALTY, FunctionsPart
from extrapolate.experiments.functions.published import RECURRENT_FINDINGS, STATIC_FINDINGS, Findings
from extrapolate.experiments.functions.settings import RECURRENT_PRESETS, STATIC_PRESETS, FunctionsSettings
from extrapolate.experiments.old import Part
from extrapolate.experiments.outline import models_of
from extrapolate.experiments.summary import summarize


@dataclass(frozen=True)
class FunctionsExperiment:
    """Which networks find two sums over parts of their inputs, and what is done with them; ``kind`` of FORMS."""

    name: str
    title: str
    kind: str
    presets: dict[str, Any]
    findings: Findings
    source: str = (
        "Trask et al., Neural Arithmetic Logic Units (arXiv 1808.00508, NeurIPS 2018); Madsen & Johansen, Neural "
        "Arithmetic Units (arXiv 2001.05016, ICLR 2020)"
    )

    def outline(self, settings: FunctionsSettings) -> str:
        counts = {"model": len(settings.models), "function": len(settings.functions), "seed": settings.seeds}
        return models_of(counts, settings.steps)

    def parts(self, settings: FunctionsSettings) -> Sequence[Part]:
        return [FunctionsPart(self.kind, model, settings) for model in settings.models]

    def notes(self, settings: FunctionsSettings) -> list[str]:
        form, quarter = FORMS[self.kind], settings.in_features // 4
        return [
            f"Adam, rate {form.learning_rate:g}, squared error, {settings.batch} fresh samples a step, one stream "
            f"for all models; penalty {PENALTY:g} on NAU and NMU, growing from step {settings.steps // 2:,} to "
            f"{settings.steps * 2 // 3:,}.",
            f"{settings.in_features} inputs in {form.train.range}, {form.train.length} steps of them; a and b are "
            f"sums over {quarter} of them each, which overlap by half, at a place that the seed chooses. Tested on "
            f"{form.test.length:,} steps in {form.test.range}, at the step with the lowest validation error.",
            "Between the layers: two units where they are arithmetic, "
            f"{settings.hidden} otherwise (published: about 100).",
            "Score: 100 × the error (float64) ÷ the median error of the same models before training. The mean of "
            "those, as published, follows the one seed whose powers of the inputs are largest. Means are "
            f"geometric, over scores of {LEAST_SCORE:g} at least and {GREATEST_SCORE:,.0f} at most.",
            "Solved: the extrapolation error is below that of sums whose weights are all "
            f"{settings.epsilon:g} off.",
            "Intervals (95 %): Wilson for success rates, Newcombe for their differences, Student's t for powers of "
            "ten.",
        ]

    def summary(self, results: pl.DataFrame, settings: FunctionsSettings) -> pl.DataFrame:
        return summarize(results)

    def claims(self, results: pl.DataFrame, settings: FunctionsSettings) -> list[Claim]:
        return claims(results, settings, self.presets, self.findings)


FUNCTIONS_STATIC = FunctionsExperiment(
    "functions-static",
    "Functions of two sums over parts of a vector, a + b to √a, on a wider range",
    "static",
    STATIC_PRESETS,
    STATIC_FINDINGS,
)
FUNCTIONS_RECURRENT = FunctionsExperiment(
    "functions-recurrent",
    "Functions of two sums accumulated over 10 steps, a + b to √a, tested on 1,000",
    "recurrent",
    RECURRENT_PRESETS,
    RECURRENT_FINDINGS,
)
