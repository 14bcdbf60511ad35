"""Functions of two sums over parts of the inputs: given at once, or accumulated step by step."""

from extrapolate.experiments.functions.experiment import FUNCTIONS_RECURRENT, FUNCTIONS_STATIC

__all__ = ["FUNCTIONS_RECURRENT", "FUNCTIONS_STATIC"]
