"""Functional weight masks: which weights of a trained module does a function need?

``choice.py``: which tensors are masked. ``sampling.py``: sampled masks and their gradients (``kernel.py``: the CPU
kernel). ``batched.py``: losses under K masks. ``learner.py``: learns one function's mask (``adam.py``: its saved
state). ``joint.py``: learns a mask together with the weights. ``learn.py``: the loop over several functions.
``mask.py``: the learned mask.
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
