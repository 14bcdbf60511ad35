"""Reading a trained module: the formula it has learned, and how near its weights are to exact ones.

:func:`exact` gives the formula with the evidence for it, :func:`sparsity_error` the distance alone. A unit of
your own becomes readable with :func:`exact_rule`.

Weight masks, for any module: :func:`learn_masks` gives a :class:`Mask` a function; :class:`Learning` says how.
"""

from extrapolate.inspect.exact import exact
from extrapolate.inspect.exact_bounds import Twin
from extrapolate.inspect.exact_box import BoxError, InputBox
from extrapolate.inspect.exact_result import Exact, ExactCertificate
from extrapolate.inspect.exact_units import NeverExactError, Snapped, WeightDistance, exact_rule
from extrapolate.inspect.exact_untrained import UntrainedChance
from extrapolate.inspect.masks import (
    Applied,
    JointLearner,
    Learning,
    Mask,
    MaskLearner,
    PerLayer,
    learn_masks,
    weights,
    weights_and_biases,
)
from extrapolate.inspect.sparsity import sparsity_error

__all__ = [
    "Applied",
    "BoxError",
    "Exact",
    "ExactCertificate",
    "InputBox",
    "JointLearner",
    "Learning",
    "Mask",
    "MaskLearner",
    "NeverExactError",
    "PerLayer",
    "Snapped",
    "Twin",
    "UntrainedChance",
    "WeightDistance",
    "exact",
    "exact_rule",
    "learn_masks",
    "sparsity_error",
    "weights",
    "weights_and_biases",
]
