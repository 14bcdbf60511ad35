"""The experiment: what the runner and the command need to know of Madam on arithmetic units."""

from collections.abc import Sequence

import polars as pl

from extrapolate.experiments.findings import Claim
from extrapolate.experiments.madam.arithmetic.claims import claims
from extrapolate.experiments.madam.arithmetic.part import ArithmeticPart
from extrapolate.experiments.madam.arithmetic.settings import OPTIMIZERS, PRESETS, ArithmeticSettings
from extrapolate.experiments.optimizers._problems import MADAM
from extrapolate.experiments.old import Part
from extrapolate.experiments.single_module import SINGLE_MODULE
from extrapolate.experiments.single_module.part import SingleModulePart
from extrapolate.experiments.single_module.units import UNITS
from extrapolate.experiments.summary import summarize


class MadamArithmetic:
    """What becomes of arithmetic units that a multiplicative optimizer trains."""

    name = "madam-arithmetic"
    title = "Madam on arithmetic units: the Single Module Task with Adam, and with Madam in its place"
    source = f"{MADAM}; {SINGLE_MODULE.source}"
    presets = PRESETS

    def outline(self, settings: ArithmeticSettings) -> str:
        parts = self.parts(settings)
        models = len(parts) * len(settings.ranges) * settings.seeds
        kinds = f"{len(parts)} units with an operation and an optimizer"
        return f"{kinds} = {models:,} models of {settings.steps:,} steps"

    def parts(self, settings: ArithmeticSettings) -> Sequence[Part]:
        tasks = [
            SingleModulePart(unit, operation, settings.single_module())
            for operation in settings.operations
            for unit in settings.units
            if operation in UNITS[unit].operations
        ]
        return [ArithmeticPart(optimizer, task) for task in tasks for optimizer in OPTIMIZERS]

    def notes(self, settings: ArithmeticSettings) -> list[str]:
        return [
            "Adam: the published recipe of each unit. Madam: at its defaults (rate 0.01 throughout), penalties and "
            "all else as there. A weight that Madam trains keeps the sign it began with, so a unit whose weights "
            "must change sign cannot learn; weights that begin at zero move additively.",
            *SINGLE_MODULE.notes(settings.single_module())[1:],
        ]

    def summary(self, results: pl.DataFrame, settings: ArithmeticSettings) -> pl.DataFrame:
        return summarize(results)

    def claims(self, results: pl.DataFrame, settings: ArithmeticSettings) -> list[Claim]:
        return claims(results)


MADAM_ARITHMETIC = MadamArithmetic()
