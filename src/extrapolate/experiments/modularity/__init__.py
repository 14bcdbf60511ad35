"""Functional weight masks: which weights of trained networks do what."""

from extrapolate.experiments.modularity.add_mul.experiment import MODULARITY_ADD_MUL
from extrapolate.experiments.modularity.class_removal.experiment import MODULARITY_CLASS_REMOVAL
from extrapolate.experiments.modularity.double_addition.experiment import MODULARITY_DOUBLE_ADDITION
from extrapolate.experiments.modularity.mathematics.experiment import MODULARITY_MATHEMATICS
from extrapolate.experiments.modularity.permuted_digits.experiment import MODULARITY_PERMUTED_DIGITS
from extrapolate.experiments.modularity.scan.experiment import MODULARITY_SCAN
from extrapolate.experiments.modularity.strength.experiment import MODULARITY_STRENGTH

__all__ = [
    "MODULARITY_ADD_MUL",
    "MODULARITY_CLASS_REMOVAL",
    "MODULARITY_DOUBLE_ADDITION",
    "MODULARITY_MATHEMATICS",
    "MODULARITY_PERMUTED_DIGITS",
    "MODULARITY_SCAN",
    "MODULARITY_STRENGTH",
]
