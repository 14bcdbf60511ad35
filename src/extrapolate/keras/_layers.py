"""The units as Keras layers, one class per unit, since Keras saves a layer by its class."""

from typing import Any

import keras
from torch import nn as torch_nn

from extrapolate import nn
from extrapolate.keras._unit_layer import UnitLayer

_registered = keras.saving.register_keras_serializable(package="extrapolate")


@_registered
class MCFC(UnitLayer):
    """:class:`extrapolate.nn.MCFC` as a Keras layer."""

    def build_module(self, in_features: int) -> torch_nn.Module:
        return nn.MCFC(in_features, self.units)


@_registered
class NAC(UnitLayer):
    """:class:`extrapolate.nn.NAC` as a Keras layer."""

    def build_module(self, in_features: int) -> torch_nn.Module:
        return nn.NAC(in_features, self.units)


@_registered
class NAU(UnitLayer):
    """:class:`extrapolate.nn.NAU` as a Keras layer."""

    def build_module(self, in_features: int) -> torch_nn.Module:
        return nn.NAU(in_features, self.units)


@_registered
class BatchStochasticNMU(UnitLayer):
    """:class:`extrapolate.nn.BatchStochasticNMU` as a Keras layer."""

    def build_module(self, in_features: int) -> torch_nn.Module:
        return nn.BatchStochasticNMU(in_features, self.units)


@_registered
class MNAC(UnitLayer):
    """:class:`extrapolate.nn.MNAC` as a Keras layer."""

    def build_module(self, in_features: int) -> torch_nn.Module:
        return nn.MNAC(in_features, self.units)


@_registered
class MulMCFC(UnitLayer):
    """:class:`extrapolate.nn.MulMCFC` as a Keras layer."""

    def build_module(self, in_features: int) -> torch_nn.Module:
        return nn.MulMCFC(in_features, self.units)


@_registered
class MulMCFCSignINALU(UnitLayer):
    """:class:`extrapolate.nn.MulMCFCSignINALU` as a Keras layer."""

    def build_module(self, in_features: int) -> torch_nn.Module:
        return nn.MulMCFCSignINALU(in_features, self.units)


@_registered
class MulMCFCSignRealNPU(UnitLayer):
    """:class:`extrapolate.nn.MulMCFCSignRealNPU` as a Keras layer."""

    def build_module(self, in_features: int) -> torch_nn.Module:
        return nn.MulMCFCSignRealNPU(in_features, self.units)


@_registered
class NMU(UnitLayer):
    """:class:`extrapolate.nn.NMU` as a Keras layer."""

    def build_module(self, in_features: int) -> torch_nn.Module:
        return nn.NMU(in_features, self.units)


@_registered
class GatedNMRU(UnitLayer):
    """:class:`extrapolate.nn.GatedNMRU` as a Keras layer."""

    def build_module(self, in_features: int) -> torch_nn.Module:
        return nn.GatedNMRU(in_features, self.units)


@_registered
class ModifiedRealNPU(UnitLayer):
    """:class:`extrapolate.nn.ModifiedRealNPU` as a Keras layer."""

    def build_module(self, in_features: int) -> torch_nn.Module:
        return nn.ModifiedRealNPU(in_features, self.units)


@_registered
class NACMul(UnitLayer):
    """:class:`extrapolate.nn.NACMul` as a Keras layer."""

    def build_module(self, in_features: int) -> torch_nn.Module:
        return nn.NACMul(in_features, self.units)


@_registered
class NMRU(UnitLayer):
    """:class:`extrapolate.nn.NMRU` as a Keras layer."""

    def build_module(self, in_features: int) -> torch_nn.Module:
        return nn.NMRU(in_features, self.units)


@_registered
class NPU(UnitLayer):
    """:class:`extrapolate.nn.NPU` as a Keras layer."""

    def build_module(self, in_features: int) -> torch_nn.Module:
        return nn.NPU(in_features, self.units)


@_registered
class NRU(UnitLayer):
    """:class:`extrapolate.nn.NRU` as a Keras layer."""

    def build_module(self, in_features: int) -> torch_nn.Module:
        return nn.NRU(in_features, self.units)


@_registered
class NRUSeparateSign(UnitLayer):
    """:class:`extrapolate.nn.NRUSeparateSign` as a Keras layer."""

    def build_module(self, in_features: int) -> torch_nn.Module:
        return nn.NRUSeparateSign(in_features, self.units)


@_registered
class RealNPU(UnitLayer):
    """:class:`extrapolate.nn.RealNPU` as a Keras layer."""

    def build_module(self, in_features: int) -> torch_nn.Module:
        return nn.RealNPU(in_features, self.units)


@_registered
class GNALU(UnitLayer):
    """:class:`extrapolate.nn.GNALU` as a Keras layer."""

    def build_module(self, in_features: int) -> torch_nn.Module:
        return nn.GNALU(in_features, self.units)


@_registered
class INALU(UnitLayer):
    """:class:`extrapolate.nn.INALU` as a Keras layer."""

    def build_module(self, in_features: int) -> torch_nn.Module:
        return nn.INALU(in_features, self.units)


@_registered
class IndependentNALU(UnitLayer):
    """:class:`extrapolate.nn.IndependentNALU` as a Keras layer."""

    def build_module(self, in_features: int) -> torch_nn.Module:
        return nn.IndependentNALU(in_features, self.units)


@_registered
class NALU(UnitLayer):
    """:class:`extrapolate.nn.NALU` as a Keras layer."""

    def build_module(self, in_features: int) -> torch_nn.Module:
        return nn.NALU(in_features, self.units)


@_registered
class StochasticNMU(UnitLayer):
    """:class:`extrapolate.nn.StochasticNMU` as a Keras layer; ``high`` is the upper bound of its noise."""

    def __init__(
        self,
        units: int,
        *,
        high: float = 5.0,
        penalty_scale: float = 0.0,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ) -> None:
        super().__init__(units, penalty_scale=penalty_scale, name=name, trainable=trainable, dtype=dtype)
        self.high = high

    def build_module(self, in_features: int) -> torch_nn.Module:
        return nn.StochasticNMU(in_features, self.units, high=self.high)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "high": self.high}
