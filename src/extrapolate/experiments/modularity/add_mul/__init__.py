"""Masks over a network that adds and multiplies: which of its weights each operation needs."""

from extrapolate.experiments.modularity_add_mul.experiment import MODULARITY_ADD_MUL

__all__ = ["MODULARITY_ADD_MUL"]
