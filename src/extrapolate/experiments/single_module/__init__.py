"""The Single Module Task: one unit learns one operation, on nine ranges, over many seeds."""

from extrapolate.experiments.single_module.experiment import GRID, SINGLE_MODULE, SingleModuleExperiment
from extrapolate.experiments.single_module.settings import SingleModuleSettings
from extrapolate.experiments.single_module.units import UNITS, UnitSetup

__all__ = ["GRID", "SINGLE_MODULE", "UNITS", "SingleModuleExperiment", "SingleModuleSettings", "UnitSetup"]
