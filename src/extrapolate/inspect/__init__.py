"""Reading a trained module: how near its weights are to exact ones, and the formula they stand for.

:func:`exact` gives the formula with its certificate, :func:`sparsity_error` the distance alone. A unit of
your own becomes readable with :func:`exact_rule`. Weight masks move in here.
"""

from extrapolate.inspect.exact import Exact, ExactCertificate, exact
from extrapolate.inspect.exact_units import NeverExactError, Snapped, WeightDistance, exact_rule
from extrapolate.inspect.sparsity import sparsity_error

__all__ = [
    "Exact",
    "ExactCertificate",
    "NeverExactError",
    "Snapped",
    "WeightDistance",
    "exact",
    "exact_rule",
    "sparsity_error",
]
