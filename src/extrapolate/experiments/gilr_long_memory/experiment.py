"""The experiment: what the runner and the command need to know of long memory."""

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from extrapolate.experiments.curves import curves_by, curves_table
from extrapolate.experiments.findings import Claim
from extrapolate.experiments.gilr_long_memory.claims import claims, tried_to_converge
from extrapolate.experiments.gilr_long_memory.part import (
    GRADIENT_NORM,
    MINIBATCHES,
    REACH,
    LongMemoryPart,
)
from extrapolate.experiments.gilr_long_memory.settings import PRESETS, LongMemorySettings
from extrapolate.experiments.intervals import student
from extrapolate.experiments.old import Part
from extrapolate.experiments.summary import summarize

#: The network whose recurrence is linear: the only one at the greatest lengths.
LINEAR = "GILR-LSTM"


class GILRLongMemory:
    """How long a GILR-LSTM and an LSTM take to learn to remember the first of n symbols."""

    name = "gilr-long-memory"
    title = "Long memory: the first of up to a million symbols, remembered to the last"
    source = (
        "Martin & Cundy, Parallelizing Linear Recurrent Neural Nets Over Sequence Length (arXiv 1709.04057, "
        "ICLR 2018)"
    )
    presets = PRESETS

    def outline(self, settings: LongMemorySettings) -> str:
        count = len(self.parts(settings))
        lengths = ", ".join(f"{length:,}" for length in settings.lengths)
        return f"{count} models on {lengths} steps, at most {settings.lstm_iterations:,} iterations each"

    def parts(self, settings: LongMemorySettings) -> Sequence[Part]:
        # the shortest first: where a run is cut short, most of it is there
        parts = [
            self._part(model, length, seed, settings)
            for length in settings.lengths
            for model in settings.models
            if model == LINEAR or length in settings.lstm_lengths
            for seed in range(settings.seeds if length in settings.lstm_lengths else settings.seeds_alone)
        ]
        if LINEAR in settings.models and settings.longest not in settings.lengths:
            longest = self._part(LINEAR, settings.longest, 0, settings)
            parts.append(replace(longest, iterations=settings.longest_iterations, batch=1))
        return parts

    def _part(self, model: str, length: int, seed: int, settings: LongMemorySettings) -> LongMemoryPart:
        beside = length in settings.lstm_lengths
        return LongMemoryPart(
            model,
            length,
            seed,
            settings.iterations if model == LINEAR else settings.lstm_iterations,
            settings.batch,
            settings.hidden if beside else settings.hidden_alone,
            settings.rate if beside else settings.rate_alone,
            settings.device,
        )

    def notes(self, settings: LongMemorySettings) -> list[str]:
        return [
            f"Adam, rate {settings.rate:g}, two layers of {settings.hidden} units; where no LSTM is trained rate "
            f"{settings.rate_alone:g} and {settings.hidden_alone} units, which take less time (published: rates were "
            f"searched, 512 units). Gradients of at most norm {GRADIENT_NORM:g}, {settings.batch} fresh sequences an "
            "iteration.",
            f"Converged: {MINIBATCHES} minibatches in a row are all answered right, a fresh one after each iteration "
            f"(published: {MINIBATCHES} training minibatches in a row). Given up after {settings.iterations:,} "
            f"iterations, an LSTM after {settings.lstm_iterations:,}. Times are wall-clock and contain these looks.",
            "The forget gates of both networks begin with time constants spread evenly in logarithm from 2 steps to "
            f"{REACH:g} times the length, weights of the one-hot input at U(-1, 1) (published: no start is given).",
            f"One GILR-LSTM of one sequence an iteration runs {settings.longest_iterations} iterations at "
            f"{settings.longest:,} steps, for its memory and time. Peak memory is that of the whole process, what it "
            "trained before included.",
            "Intervals (95 %): Wilson for success rates, Student's t for logarithms of times and for iterations.",
        ]

    def summary(self, results: pl.DataFrame, settings: LongMemorySettings) -> pl.DataFrame:
        return summarize(results)

    def curves(self, results: pl.DataFrame, settings: LongMemorySettings) -> pl.DataFrame:
        tried = tried_to_converge(results, settings)
        return curves_table(
            "Time to remember",
            "What the training took until the model had converged, or was given up, by the length of the sequences; "
            "means over seeds.",
            "steps of a sequence",
            "seconds",
            curves_by(tried, "length", lambda rows: student(rows["seconds"].to_numpy())),
        )

    def claims(self, results: pl.DataFrame, settings: LongMemorySettings) -> list[Claim]:
        return claims(results, settings)


GILR_LONG_MEMORY = GILRLongMemory()
