"""Time in a grid world: an agent that must arrive at a given time, later than it ever had to in training."""

from extrapolate.experiments.grid_time.experiment import GRID_TIME

__all__ = ["GRID_TIME"]
