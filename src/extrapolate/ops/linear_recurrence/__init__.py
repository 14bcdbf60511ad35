"""h_t = a_t * h_{t-1} + b_t over a whole sequence in one call, on CPU and GPU, with gradients of any order.

``reference.py`` is the definition, ``cpu.py`` and ``cuda.py`` the kernels, ``scan.py`` plain tensor operations in
logarithmically many steps where no kernel can run, ``op.py`` the registered operator that picks between them.
"""

from extrapolate.ops.linear_recurrence.op import linear_recurrence

__all__ = ["linear_recurrence"]
