"""h_t = a_t * h_{t-1} + b_t over a whole sequence in one call, on CPU and GPU, with gradients of any order.

``reference.py`` is the definition. ``cpu.py`` and ``cuda.py`` are the kernels; where none can run, ``scan.py`` uses
plain tensor operations, in a logarithmic number of steps. ``op.py`` is the registered operator, which chooses one.
"""

from extrapolate.ops.linear_recurrence.op import linear_recurrence

__all__ = ["linear_recurrence"]
