"""The Single Module Task: one unit learns one operation, on nine ranges, over many seeds."""

from extrapolate.experiments.single_module.experiment import SingleModuleExperiment
from extrapolate.experiments.single_module.settings import SingleModuleSettings
from extrapolate.experiments.single_module.units import UNITS, UnitSetup

__all__ = ["UNITS", "SingleModuleExperiment", "SingleModuleSettings", "UnitSetup"]
