"""Units and layers: plain ``torch.nn.Module`` with torch's constructor habits.

Arithmetic units take ``(..., in_features)`` to ``(..., out_features)``. What training must respect (a
penalty, a box for the weights, random numbers) is stated by the module; see the contract functions.
"""

from extrapolate.nn._contract import (
    Arithmetic,
    Boxed,
    Penalised,
    boxes,
    clamp_to_box_,
    key_names,
    penalty,
)
from extrapolate.nn._mlp import MLP
from extrapolate.nn._nac import NAC, NACMul
from extrapolate.nn._nalu import NALU
from extrapolate.nn._nau import NAU
from extrapolate.nn._nmu import NMU
from extrapolate.nn._stochastic_nmu import BatchStochasticNMU, StochasticNMU

__all__ = [  # noqa: RUF022  (grouped by idea)
    # additive units
    "NAC",
    "NAU",
    # multiplicative units
    "BatchStochasticNMU",
    "NACMul",
    "NMU",
    "StochasticNMU",
    # both
    "NALU",
    # baselines
    "MLP",
    # the contract between a unit and a training loop
    "Arithmetic",
    "Boxed",
    "Penalised",
    "boxes",
    "clamp_to_box_",
    "key_names",
    "penalty",
]
