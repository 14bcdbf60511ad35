"""Published results, a room each: what to run, what must come out. No loop lives here."""

from extrapolate.experiments.catalog import EXPERIMENTS, experiment_named
from extrapolate.experiments.experiment import Claim, Experiment, Part
from extrapolate.experiments.run import Display, Outcome, run

__all__ = ["EXPERIMENTS", "Claim", "Display", "Experiment", "Outcome", "Part", "experiment_named", "run"]
