"""The arithmetic units as Keras 3 layers, on Keras' torch backend: ``pip install 'extrapolate[keras]'``.

Use ``NMU(units)`` like ``keras.layers.Dense(units)``, with ``Sequential``, ``fit`` and ``save``. The unit's box is a
Keras constraint, and its penalty, times ``penalty_scale``, is a Keras loss of the layer.

Importing this module sets the environment variable ``KERAS_BACKEND`` to ``torch``, unless it has a value. If you
import ``keras`` first, set the variable before that import.

Raises:
    ImportError: Keras runs with another backend than torch.
"""

import os

from extrapolate._runtime.extras import needs_extra

os.environ.setdefault("KERAS_BACKEND", "torch")  # no effect if keras is imported already

with needs_extra("keras", "extrapolate.keras"):
    import keras

if keras.backend.backend() != "torch":
    raise ImportError(
        f"extrapolate.keras needs Keras' torch backend, not {keras.backend.backend()}: "
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
