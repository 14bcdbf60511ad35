"""Random numbers as a pure function of (seed, stream, step), whichever other replicas train at the same time.

``reference.py`` is the definition in plain tensor operations (any device), ``cpu.py`` the fast kernel, and ``op.py``
the registered operator, which chooses one of them.
"""

from extrapolate.ops.random.op import uniform, uniform_like

__all__ = ["uniform", "uniform_like"]
