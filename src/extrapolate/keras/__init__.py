"""The arithmetic units as Keras 3 layers, for Keras' torch backend: ``pip install 'extrapolate[keras]'``.

Use ``NMU(units)`` like ``keras.layers.Dense(units)``: in ``Sequential``, with ``fit`` and ``save``. The unit's box is
a Keras constraint. Its penalty, times ``penalty_scale``, is a Keras loss of the layer.
"""

from extrapolate._runtime.extras import needs_extra

with needs_extra("keras", "extrapolate.keras"):
    import keras

if keras.backend.backend() != "torch":
    raise ImportError(
        f"extrapolate.keras needs Keras' torch backend, got {keras.backend.backend()}: "
        "set the environment variable KERAS_BACKEND=torch before you import keras"
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
