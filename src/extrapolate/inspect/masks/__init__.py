"""Functional weight masks: which weights of a trained module does a function need.

``choice.py`` which tensors are masked, ``sampling.py`` a drawn mask and its gradient (``kernel.py`` on the CPU),
``batched.py`` K masks in one call, ``learner.py`` one function's mask (``adam.py``: what its optimizer keeps),
``joint.py`` a mask and the weights under it, ``learn.py`` several side by side (``states.py``: on disk),
``mask.py`` what comes out.
"""

from extrapolate.inspect.masks.batched import ready
from extrapolate.inspect.masks.choice import is_weight, is_weight_or_bias
from extrapolate.inspect.masks.joint import JointLearner
from extrapolate.inspect.masks.learn import Progress, learn, learn_masks
from extrapolate.inspect.masks.learner import MaskConfig, MaskLearner
from extrapolate.inspect.masks.mask import Mask, MaskedModule, PerLayer

__all__ = [
    "JointLearner",
    "Mask",
    "MaskConfig",
    "MaskLearner",
    "MaskedModule",
    "PerLayer",
    "Progress",
    "is_weight",
    "is_weight_or_bias",
    "learn",
    "learn_masks",
    "ready",
]
