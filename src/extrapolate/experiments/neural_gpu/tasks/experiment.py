"""The experiment: what the runner and the command need to know of copying, reversing, duplicating and sorting."""

from collections.abc import Sequence
from functools import partial

import polars as pl

from extrapolate.experiments.findings import Claim
from extrapolate.experiments.neural_gpu.length_bins import LengthBins
from extrapolate.experiments.neural_gpu.part import NeuralGPUPart
from extrapolate.experiments.neural_gpu.recipe import SETTLING, Recipe, settled
from extrapolate.experiments.neural_gpu.sheets import Sheet
from extrapolate.experiments.neural_gpu.tasks.claims import claims, sheet_name
from extrapolate.experiments.neural_gpu.tasks.settings import PRESETS, TasksSettings
from extrapolate.experiments.old import Part
from extrapolate.experiments.summary import summarize
from extrapolate.tasks import Algorithm

DROPOUT = 0.1

#: A network ends once so many evaluations in a row are without an error.
PERFECT = 3

#: Sequences at each of the checked lengths, those trained on and two and four times as long.
CHECKED = 32


class NeuralGPUTasks:
    """Which simple tasks a diagonal Neural GPU does exactly at many times the lengths it was trained on."""

    name = "neural-gpu-tasks"
    title = "The Neural GPU on sequences: copy, reverse, duplicate and sort, far beyond the trained lengths"
    source = (
        "Kaiser & Sutskever, Neural GPUs Learn Algorithms (arXiv 1511.08228, ICLR 2016); network and recipe of "
        "Freivalds & Liepins (arXiv 1702.08727)"
    )
    presets = PRESETS

    def outline(self, settings: TasksSettings) -> str:
        count = len(settings.tasks) * settings.seeds
        kinds = f"{len(settings.tasks)} tasks × {settings.seeds} seeds"
        return f"{kinds} = {count} networks of at most {settings.steps:,} steps"

    def parts(self, settings: TasksSettings) -> Sequence[Part]:
        return [part(name, seed, settings) for seed in range(settings.seeds) for name in settings.tasks]

    def notes(self, settings: TasksSettings) -> list[str]:
        return [
            f"A diagonal Neural GPU of {settings.maps} numbers a place, where the published findings are of the "
            f"original one; dropout {DROPOUT:g} on candidates. {settings.batch} sequences of each group of lengths a "
            f"step, groups ending at {', '.join(map(str, settings.ends))}, a twentieth of them shorter. "
            f"Optimizer: {settings.optimizer} (published: AdaMax).",
            f"A network ends once {PERFECT} evaluations in a row show no error on {CHECKED} sequences at each of the "
            "longest trained length, twice and four times that, and from the first one on its learning rate is "
            f"{SETTLING:g} of what it would be (published: neither); the evaluation with the fewest errors counts.",
            "Right: every place is, padding included; as many steps as places.",
            "Solved: no error at any tested length. The last length is only tested where all before are exact.",
            "Intervals (95 %): Wilson for shares of networks, Student's t for shares of wrong sequences.",
        ]

    def summary(self, results: pl.DataFrame, settings: TasksSettings) -> pl.DataFrame:
        return summarize(results)

    def claims(self, results: pl.DataFrame, settings: TasksSettings) -> list[Claim]:
        return claims(results, settings)


def part(name: str, seed: int, settings: TasksSettings) -> NeuralGPUPart:
    """One network on the task of this name."""
    task, bins = settings.task(name), LengthBins(settings.ends)
    recipe = Recipe(
        task,
        (seed,),
        settings.maps,
        DROPOUT,
        settings.batch,
        bins,
        len(bins.ends),
        settled,
        settings.optimizer,
    )
    longest = settings.ends[-1]
    checks = tuple(_sheet(task, f"check-{times}", times * longest, CHECKED) for times in (1, 2, 4))
    *lengths, last = settings.lengths
    sheets = [_sheet(task, sheet_name(length), length, settings.sequences) for length in lengths]
    sheets.append(_sheet(task, sheet_name(last), last, settings.long_sequences, bool(lengths)))
    return NeuralGPUPart(
        recipe, settings.steps, settings.evaluate_every, checks, tuple(sheets), settings.device, PERFECT
    )


def _sheet(task: Algorithm, name: str, length: int, count: int, if_exact: bool = False) -> Sheet:
    return Sheet(name, length, count, partial(task.examples, count, length), if_exact, typical=True)


NEURAL_GPU_TASKS = NeuralGPUTasks()
