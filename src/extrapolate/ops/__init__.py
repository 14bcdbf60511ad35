"""Tensor functions, each with a simple definition and fast kernels of the same signature.

Random numbers: :func:`uniform`, :func:`uniform_like`. Recurrences: :func:`linear_recurrence`.
"""

from extrapolate.ops.linear_recurrence import linear_recurrence
from extrapolate.ops.random import uniform, uniform_like

__all__ = ["linear_recurrence", "uniform", "uniform_like"]
