"""Functions with a meaning of their own: a naive definition beside fast kernels, one signature.

Random numbers: :func:`uniform`, :func:`uniform_like`.
"""

from extrapolate.ops.random import uniform, uniform_like

__all__ = ["uniform", "uniform_like"]
