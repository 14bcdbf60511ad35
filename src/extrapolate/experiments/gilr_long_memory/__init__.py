"""The first of thousands of symbols remembered, by a GILR-LSTM and by an LSTM."""

from extrapolate.experiments.gilr_long_memory.experiment import GILR_LONG_MEMORY

__all__ = ["GILR_LONG_MEMORY"]
