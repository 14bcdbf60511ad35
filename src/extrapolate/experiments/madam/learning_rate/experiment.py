"""The experiment: what the runner and the command need to know of learning rates."""

from collections.abc import Sequence

import polars as pl

from extrapolate.experiments.curves import curves_by, curves_table
from extrapolate.experiments.findings import Claim
from extrapolate.experiments.intervals import student
from extrapolate.experiments.madam.learning_rate.claims import claims
from extrapolate.experiments.madam.learning_rate.part import DROP_AT, LearningRatePart
from extrapolate.experiments.madam.learning_rate.settings import PRESETS, LearningRateSettings
from extrapolate.experiments.madam.optimizers import MOMENTUM
from extrapolate.experiments.madam.problems import FREQUENCIES, TEXT_WIDTH, WIDTH
from extrapolate.experiments.old import Part
from extrapolate.experiments.summary import means


class MadamLearningRate:
    """Whether one learning rate serves networks of every kind and depth."""

    name = "madam-learning-rate"
    title = "Madam: one learning rate for dense networks of any depth, convolutions, text and pictures"
    source = (
        "Bernstein et al., Learning compositional functions via multiplicative weight updates (arXiv 2006.14560, "
        "NeurIPS 2020)"
    )
    presets = PRESETS

    def outline(self, settings: LearningRateSettings) -> str:
        problems, optimizers, rates = len(settings.problems), len(settings.optimizers), len(settings.rates)
        count = problems * optimizers * rates * settings.seeds
        return (
            f"{problems} problems × {optimizers} optimizers × {rates} rates × {settings.seeds} seeds = {count:,} "
            f"models of {settings.steps:,} steps"
        )

    def parts(self, settings: LearningRateSettings) -> Sequence[Part]:
        # the longest first: two at a time, the short ones fill what is left
        return [
            LearningRatePart(problem, optimizer, settings)
            for problem in reversed(settings.problems)
            for optimizer in settings.optimizers
        ]

    def notes(self, settings: LearningRateSettings) -> list[str]:
        return [
            f"Madam at its defaults; Adam with torch's betas; SGD with momentum {MOMENTUM:g}. The rate falls to a "
            f"tenth after {DROP_AT:.0%} of the {settings.steps:,} steps.",
            f"Problems: scikit-learn's digits by dense ReLU networks of {WIDTH} units (He's start, no norm; depth "
            "counts weight matrices) and by two small convolutions; the next word of generated sentences by an LSTM "
            f"and a two-block transformer of {TEXT_WIDTH} units; a generated picture from {FREQUENCIES} random waves "
            "by dense networks. Batches of 64 digits, 16 passages, 256 pixels.",
            "The error is that of held-out examples at the last step: cross-entropy in nats, or half the mean square "
            "of the picture. A model that diverged has an infinite one.",
            "The published tasks (CIFAR-10 and -100, ImageNet, a GAN, Wikitext-2) are larger; all 75 values of the "
            "published figure are in published_rates.parquet.",
            "Best rates are those of the lowest mean over seeds. Intervals (95 %): Wilson for shares, Student's t "
            "for logarithms of ratios.",
        ]

    def summary(self, results: pl.DataFrame, settings: LearningRateSettings) -> pl.DataFrame:
        return means(results, ["error"])

    def curves(self, results: pl.DataFrame, settings: LearningRateSettings) -> pl.DataFrame:
        return curves_table(
            "Error by learning rate",
            "The error at the end, by the rate that it began with: a mean over seeds. Rates at which a model "
            "diverged have no point.",
            "learning rate",
            "error",
            curves_by(results, "rate", lambda rows: student(rows["error"].to_numpy())),
        )

    def claims(self, results: pl.DataFrame, settings: LearningRateSettings) -> list[Claim]:
        return claims(results, settings)


MADAM_LEARNING_RATE = MadamLearningRate()
