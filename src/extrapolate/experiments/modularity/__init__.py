"""Functional weight masks: which weights of trained networks do what."""

from extrapolate.experiments.modularity.add_mul.experiment import MODULARITY_ADD_MUL
from extrapolate.experiments.modularity.class_removal.experiment import MODULARITY_CLASS_REMOVAL
from extrapolate.experiments.modularity.double_addition.experiment import MODULARITY_DOUBLE_ADDITION

__all__ = ["MODULARITY_ADD_MUL", "MODULARITY_CLASS_REMOVAL", "MODULARITY_DOUBLE_ADDITION"]
