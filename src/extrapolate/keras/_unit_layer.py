"""The base class of the Keras layers: it wraps a unit of :mod:`extrapolate.nn`."""

from abc import abstractmethod
from typing import Any

import keras
import torch
from torch import Tensor, nn
from torch.func import functional_call

from extrapolate.nn import penalty
from extrapolate.nn.contract import boxes


@keras.saving.register_keras_serializable(package="extrapolate")
class Box(keras.constraints.Constraint):
    """Keras constraint that clips a weight to [low, high]."""

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high

    def __call__(self, w: Any) -> Any:
        return keras.ops.clip(w, self.low, self.high)

    def get_config(self) -> dict[str, float]:
        return {"low": self.low, "high": self.high}


class _WithPenalty(nn.Module):
    """A unit that returns its output and its penalty from one call, so that both use the same weights."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | float]:
        return self.module(x), penalty(self.module)


class UnitLayer(keras.layers.Layer):
    """Base class: a unit of :mod:`extrapolate.nn` as a Keras layer with Keras weights. (..., I) to (..., units).

    Args:
        units: number of outputs.
        penalty_scale: factor on the unit's penalty, which is added to the model's loss. 0: no penalty.
        name, trainable, dtype: as in every Keras layer.

    A subclass creates its unit in :meth:`build_module`. Raises ValueError if the last axis of the input is unknown.
    """

    def __init__(
        self,
        units: int,
        *,
        penalty_scale: float = 0.0,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.units = units
        self.penalty_scale = penalty_scale

    @abstractmethod
    def build_module(self, in_features: int) -> nn.Module:
        """Return the unit: the layer uses its initial values, box, penalty and equation."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        features = input_shape[-1]
        if features is None:
            raise ValueError(f"{type(self).__name__}: number of inputs is None: set the last axis of the input shape")
        unit = self.build_module(features)
        box = dict(boxes(unit))
        self.names = {}
        for name, parameter in unit.named_parameters():
            initial = parameter.detach().clone()
            self.names[f"module.{name}"] = self.add_weight(
                name=name.replace(".", "_"),
                shape=tuple(initial.shape),
                initializer=lambda shape, dtype=None, value=initial: value,
                constraint=Box(*box[name]) if name in box else None,
            )
        # Only the code of this copy is used, so it is on the meta device. Bypass Keras' __setattr__, which would add
        # its parameters to the weights of the layer.
        object.__setattr__(self, "_shell", _WithPenalty(unit.to("meta")))

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        shell: nn.Module = self._shell
        shell.train(bool(training))
        values = {name: torch.as_tensor(variable.value) for name, variable in self.names.items()}
        outputs, unit_penalty = functional_call(shell, values, (inputs,))
        if self.penalty_scale:
            self.add_loss(self.penalty_scale * unit_penalty)
        return outputs

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units, "penalty_scale": self.penalty_scale}
