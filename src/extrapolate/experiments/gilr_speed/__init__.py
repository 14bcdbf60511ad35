"""Layers of linear recurrences timed against the same layers with a loop over time, and against an LSTM."""

from extrapolate.experiments.gilr_speed.experiment import GILR_SPEED

__all__ = ["GILR_SPEED"]
