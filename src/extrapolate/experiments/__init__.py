"""Published results, a room each: what to run, what must come out. No loop lives here."""

from extrapolate.experiments.catalog import EXPERIMENTS, experiment_named
from extrapolate.experiments.experiment import Claim, Experiment, Part
from extrapolate.experiments.manifest import cores
from extrapolate.experiments.memory import keep_freed_memory
from extrapolate.experiments.options import Option, options_of, with_options, written
from extrapolate.experiments.runner import Outcome, run
from extrapolate.experiments.workers import Display

__all__ = [
    "EXPERIMENTS",
    "Claim",
    "Display",
    "Experiment",
    "Option",
    "Outcome",
    "Part",
    "cores",
    "experiment_named",
    "keep_freed_memory",
    "options_of",
    "run",
    "with_options",
    "written",
]
