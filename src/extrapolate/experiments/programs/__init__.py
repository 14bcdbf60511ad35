"""Programs: read symbol by symbol, evaluated with numbers far larger than those of the training."""

from extrapolate.experiments.programs.experiment import PROGRAMS

__all__ = ["PROGRAMS"]
