"""Random numbers as a pure function of (seed, stream, step): the same for a seed whoever trains beside it.

``reference.py`` is the definition in plain tensor operations (any device), ``cpu.py`` the fast kernel,
``op.py`` the registered operator that picks between them.
"""

from extrapolate.ops.random.op import uniform, uniform_like

__all__ = ["uniform", "uniform_like"]
