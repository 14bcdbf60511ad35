"""The experiment: what the runner and the command need to know of evaluating programs."""

from collections.abc import Sequence

import polars as pl

from extrapolate.experiments.curves import curves_across, curves_table
from extrapolate.experiments.findings import Claim
from extrapolate.experiments.old import Part
from extrapolate.experiments.outline import models_of
from extrapolate.experiments.programs.claims import claims
from extrapolate.experiments.programs.models import KEPT, STEEP
from extrapolate.experiments.programs.part import LEARNING_RATE, ProgramsPart
from extrapolate.experiments.programs.settings import PRESETS, TIMES, ProgramsSettings
from extrapolate.experiments.summary import summarize
from extrapolate.tasks import Programs


class ProgramsExperiment:
    """Which networks go on evaluating programs correctly when the numbers in them grow."""

    name = "programs"
    title = "Programs: read symbol by symbol, with numbers a hundred times larger than in training"
    source = (
        "Trask et al., Neural Arithmetic Logic Units (arXiv 1808.00508, NeurIPS 2018); Zaremba & Sutskever, Learning "
        "to Execute (arXiv 1410.4615, 2014)"
    )
    presets = PRESETS

    def outline(self, settings: ProgramsSettings) -> str:
        counts = {"model": len(settings.models), "task": len(settings.tasks), "seed": settings.seeds}
        return models_of(counts, settings.steps)

    def parts(self, settings: ProgramsSettings) -> Sequence[Part]:
        return [ProgramsPart(model, task, settings) for task in settings.tasks for model in settings.models]

    def notes(self, settings: ProgramsSettings) -> list[str]:
        number = "in one step, with its value" if settings.numbers == "whole" else "digit by digit"
        sizes = ", ".join(map(str, TIMES))
        return [
            f"Adam, rate {LEARNING_RATE:g}, gradients of norm 1 at most, {settings.batch} programs a "
            "step; loss: the root mean squared error in units of what an answer can reach (the limit of the numbers "
            "for sums and differences, its square for products).",
            f"Programs are read symbol by symbol (a keyword is one), a number {number}. Adding: 'c + d ='. With a "
            "condition: 'if a == b : c op d else e op f =', op one of + and -, or of +, - and ×; a and b are equal "
            "in half of them.",
            f"Plain: a cell of size {settings.hidden} is given symbols and values, a linear layer answers. With "
            f"a unit: {KEPT} numbers beside the cell's state; the cell is given the symbols and flags of these "
            f"numbers (s = tanh({STEEP:g}u) and 1 - s²), and sets the parameters of the unit, which computes the "
            "numbers anew from themselves and the value read; the first is the answer. How the published unit is "
            "joined to the cell is not known.",
            "The published comparison has a differentiable neural computer too; it is not among these models. A NAC "
            "can neither multiply nor divide.",
            f"Tested on {settings.samples} programs of each size of numbers ({sizes} times larger), at the step with "
            f"the lowest validation error. Solved: the mean error with the largest is below {Programs.threshold:g}.",
            "Intervals (95 %): Wilson for success rates, Student's t for errors and their differences.",
        ]

    def summary(self, results: pl.DataFrame, settings: ProgramsSettings) -> pl.DataFrame:
        return summarize(results)

    def curves(self, results: pl.DataFrame, settings: ProgramsSettings) -> pl.DataFrame:
        return curves_table(
            "Error against the size of the numbers",
            f"Mean absolute error, in units of what an answer can reach; trained on numbers below {settings.limit}.",
            "numbers are below",
            "error",
            curves_across(results, {settings.limit * times: f"error_times_{times}" for times in TIMES}),
        )

    def claims(self, results: pl.DataFrame, settings: ProgramsSettings) -> list[Claim]:
        return claims(results, settings)


PROGRAMS = ProgramsExperiment()
