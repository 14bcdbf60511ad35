"""Optimizers (subclasses of ``torch.optim.Optimizer``), and noise for gradients."""

from extrapolate.optim.adamax import AdaMax
from extrapolate.optim.gradient_noise import GradientNoise
from extrapolate.optim.integer_madam import IntegerMadam
from extrapolate.optim.integer_weights import float_weights, integer_weights
from extrapolate.optim.madam import Madam
from extrapolate.optim.per_replica import PerReplica

__all__ = [
    "AdaMax",
    "GradientNoise",
    "IntegerMadam",
    "Madam",
    "PerReplica",
    "float_weights",
    "integer_weights",
]
