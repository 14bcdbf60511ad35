"""Optimizers: each a ``torch.optim.Optimizer`` in one file; and tricks on gradients."""

from extrapolate.optim.madam import Madam

__all__ = ["Madam"]
