"""The experiment: what the runner and the command need to know of the Single Module Task."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from extrapolate.experiments.findings import Claim
from extrapolate.experiments.old import Part
from extrapolate.experiments.outline import models_of
from extrapolate.experiments.single_module.claims import claims
from extrapolate.experiments.single_module.part import SingleModulePart
from extrapolate.experiments.single_module.recipes import PLAIN
from extrapolate.experiments.single_module.settings import GRID_PRESETS, PRESETS, SingleModuleSettings
from extrapolate.experiments.single_module.units import UNITS
from extrapolate.experiments.summary import summarize


@dataclass(frozen=True)
class SingleModuleExperiment:
    """Which units learn which operation, in which range, from how many seeds."""

    name: str
    title: str
    source: str
    presets: dict[str, SingleModuleSettings]

    def outline(self, settings: SingleModuleSettings) -> str:
        counts = {
            "unit": len(settings.units),
            "operation": len(settings.operations),
            "range": len(settings.ranges),
            "seed": settings.seeds,
        }
        return models_of(counts, settings.steps)

    def parts(self, settings: SingleModuleSettings) -> Sequence[Part]:
        return [
            SingleModulePart(unit, operation, settings)
            for operation in settings.operations
            for unit in settings.units
        ]

    def notes(self, settings: SingleModuleSettings) -> list[str]:
        return [
            f"Adam, squared error, {settings.batch} fresh samples a step; {_learning_rates(settings)}. Penalties, "
            "gradient clips and restarts as published for each unit.",
            "Seed s starts from the same weights and sees the same uniform numbers in every range and with every "
            "operation, whichever models are trained beside it.",
            "Solved: at the step with the lowest validation error, the extrapolation error (float64) is below that "
            "of a unit whose weights are all 1e-5 off.",
            "Intervals (95 %): Wilson for success rates; profile likelihood of a Gamma for steps and of a Beta on "
            "[0, 0.5] for sparsity errors, Student's t where those cannot be fitted.",
        ]

    def summary(self, results: pl.DataFrame, settings: SingleModuleSettings) -> pl.DataFrame:
        return summarize(results)

    def claims(self, results: pl.DataFrame, settings: SingleModuleSettings) -> list[Claim]:
        return claims(results, settings)


def _learning_rates(settings: SingleModuleSettings) -> str:
    """``learning rate 0.001, NPU 0.005``: the usual one, then the units that have another."""
    rates = {name: UNITS[name].recipe.learning_rate for name in settings.units}
    others = [f"{name} {rate:g}" for name, rate in rates.items() if rate != PLAIN.learning_rate]
    return ", ".join([f"learning rate {PLAIN.learning_rate:g}", *others])


STOCHASTIC = (
    "Mistry, Farrahi & Hare, Improving the Robustness of Neural Multiplication Units with Reversible Stochasticity "
    "(arXiv 2211.05624, 2022)"
)
PRIMER = "Mistry, Farrahi & Hare, A Primer for Neural Arithmetic Logic Modules (arXiv 2101.09530, JMLR 2022)"
DIVISION = (
    "Mistry, Farrahi & Hare, Learning Division with Neural Arithmetic Logic Modules (arXiv 2110.05177, 2021)"
)
ARITHMETIC = "Madsen & Johansen, Neural Arithmetic Units (arXiv 2001.05016, ICLR 2020)"

SINGLE_MODULE = SingleModuleExperiment(
    "single-module",
    "The Single Module Task: which units learn arithmetic, and in which range",
    "; ".join((STOCHASTIC, PRIMER, ARITHMETIC)),
    PRESETS,
)
GRID = SingleModuleExperiment(
    "primer",
    "The Primer's grid: every published unit, on four operations and nine ranges",
    "; ".join((PRIMER, DIVISION, STOCHASTIC, ARITHMETIC)),
    GRID_PRESETS,
)
