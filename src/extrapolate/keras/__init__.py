"""The arithmetic units as Keras 3 layers, on Keras' torch backend: ``pip install 'extrapolate[keras]'``.

``NMU(units)`` is used as ``keras.layers.Dense(units)`` is: in ``Sequential``, ``fit``, ``save``. The unit's box is
a Keras constraint, its penalty (times ``penalty_scale``) a Keras loss of the layer.
"""

from extrapolate._runtime.extras import needs_extra

with needs_extra("keras", "extrapolate.keras"):
    import keras

if keras.backend.backend() != "torch":
    raise ImportError(
        f"extrapolate.keras needs Keras' torch backend, not {keras.backend.backend()}: "
        "set the environment variable KERAS_BACKEND=torch before keras is imported"
    )

from extrapolate.keras._layers import (
    GNALU,
    INALU,
    MCFC,
    MNAC,
    NAC,
    NALU,
    NAU,
    NMRU,
    NMU,
    NPU,
    NRU,
    BatchStochasticNMU,
    GatedNMRU,
    IndependentNALU,
    ModifiedRealNPU,
    MulMCFC,
    MulMCFCSignINALU,
    MulMCFCSignRealNPU,
    NACMul,
    NRUSeparateSign,
    RealNPU,
    StochasticNMU,
)
from extrapolate.keras._unit_layer import Box, UnitLayer

__all__ = [
    "GNALU",
    "INALU",
    "MCFC",
    "MNAC",
    "NAC",
    "NALU",
    "NAU",
    "NMRU",
    "NMU",
    "NPU",
    "NRU",
    "BatchStochasticNMU",
    "Box",
    "GatedNMRU",
    "IndependentNALU",
    "ModifiedRealNPU",
    "MulMCFC",
    "MulMCFCSignINALU",
    "MulMCFCSignRealNPU",
    "NACMul",
    "NRUSeparateSign",
    "RealNPU",
    "StochasticNMU",
    "UnitLayer",
]
