"""One Keras layer around any of the units."""

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
    """Keeps a weight in [low, high]."""

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high

    def __call__(self, w: Any) -> Any:
        return keras.ops.clip(w, self.low, self.high)

    def get_config(self) -> dict[str, float]:
        return {"low": self.low, "high": self.high}


class _WithPenalty(nn.Module):
    """A unit's answer and its penalty from one call, so that both see the same weights."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | float]:
        return self.module(x), penalty(self.module)


class UnitLayer(keras.layers.Layer):
    """A unit of :mod:`extrapolate.nn` with Keras' weights. (..., I) to (..., units).

    Args:
        units: outputs.
        penalty_scale: times the unit's own penalty, added to the model's loss.
        name, trainable, dtype: as of every Keras layer.

    A subclass says in :meth:`build_module` which one it is.
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
        """The module whose start values, box and equation the layer takes."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        features = input_shape[-1]
        if features is None:
            raise ValueError(f"{type(self).__name__} needs to know its number of inputs: the last axis is None")
        unit = self.build_module(features)
        box = dict(boxes(unit))
        self.names = {}
        for name, parameter in unit.named_parameters():
            start = parameter.detach().clone()
            self.names[f"module.{name}"] = self.add_weight(
                name=name.replace(".", "_"),
                shape=tuple(start.shape),
                initializer=lambda shape, dtype=None, value=start: value,
                constraint=Box(*box[name]) if name in box else None,
            )
        # on no device: only its code is used; and out of Keras' sight, which would take its weights for ours
        object.__setattr__(self, "_shell", _WithPenalty(unit.to("meta")))

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        shell: nn.Module = self._shell
        shell.train(bool(training))
        values = {name: torch.as_tensor(variable.value) for name, variable in self.names.items()}
        outputs, added = functional_call(shell, values, (inputs,))
        if self.penalty_scale:
            self.add_loss(self.penalty_scale * added)
        return outputs

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units, "penalty_scale": self.penalty_scale}
