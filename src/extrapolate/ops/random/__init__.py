"""Random numbers as a pure function of (seed, stream, step), whichever other replicas train at the same time.

``reference.py`` is the definition in plain tensor operations (any device), ``cpu.py`` is the fast kernel. ``op.py``
is the registered operator, which chooses one of them.
"""

from extrapolate.ops.random.op import uniform, uniform_like

__all__ = ["uniform", "uniform_like"]
