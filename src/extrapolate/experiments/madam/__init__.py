"""Madam against Adam and SGD: one learning rate for all, weights in a few bits, arithmetic units."""

from extrapolate.experiments.madam.arithmetic.experiment import MADAM_ARITHMETIC
from extrapolate.experiments.madam.bits.experiment import MADAM_BITS
from extrapolate.experiments.madam.learning_rate.experiment import MADAM_LEARNING_RATE

__all__ = ["MADAM_ARITHMETIC", "MADAM_BITS", "MADAM_LEARNING_RATE"]
