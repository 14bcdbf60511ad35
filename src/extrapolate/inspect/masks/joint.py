"""Learn a mask together with the weights, for a network that learns one function after another."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from extrapolate.inspect.masks.adam import put_back, save
from extrapolate.inspect.masks.batched import Loss, MaskedLosses
from extrapolate.inspect.masks.choice import ParameterFilter, is_weight
from extrapolate.inspect.masks.learner import MaskConfig, MaskLearner
from extrapolate.inspect.masks.mask import Mask


class JointLearner(MaskLearner):
    """Learns which weights one function needs and trains the weights that are not frozen, with the same Adam.

    The network computes with w · m, for a weight w and a sampled mask m of 0 and 1. If g is the gradient of the loss
    with respect to w · m, that with respect to w is g · m. The logit of m has the straight-through gradient.
    ``module`` provides the initial values and never changes: :meth:`trained_weights` returns the current values.

    Args:
        frozen: weights that do not change, bit for bit, such as those of earlier functions. The mask may still
            select them. Parameters that ``parameters`` does not choose do not change either.
        frozen_start: initial logits of the frozen weights. All others start at ``config.init_logit``.

    The other arguments are those of :class:`MaskLearner`.

    Raises:
        UserError: ``module`` has no maskable weight, or ``frozen`` has a tensor that ``module`` lacks.
    """

    def __init__(
        self,
        module: nn.Module,
        loss: Loss,
        config: MaskConfig,
        *,
        frozen: Mask | None = None,
        frozen_start: float = 2.0,
        name: str = "the function",
        index: int = 0,
        parameters: ParameterFilter = is_weight,
        losses: Callable[[nn.Module, Loss], MaskedLosses] = MaskedLosses,
    ) -> None:
        super().__init__(module, loss, config, name=name, index=index, parameters=parameters, losses=losses)
        if frozen is not None:
            frozen.apply(module)  # raises if it does not fit
        self._layouts = {
            name: replace(each, weight=each.weight.clone().requires_grad_()) for name, each in self._layouts.items()
        }
        self._weight_tensors = {name: layout.weight for name, layout in self._layouts.items()}
        self._frozen = {
            name: layout.like(frozen[name])
            for name, layout in self._layouts.items()
            if frozen is not None and name in frozen
        }
        with torch.no_grad():
            for name, is_frozen in self._frozen.items():
                self._logits[name].masked_fill_(is_frozen, frozen_start)
        self._optimizer.add_param_group({"params": list(self._weight_tensors.values())})

    def trained_weights(self) -> dict[str, Tensor]:
        """Return the current weights by name, in the shapes of their parameters."""
        return {name: layout.back(layout.weight.detach()) for name, layout in self._layouts.items()}

    def state(self) -> dict[str, Tensor]:
        weights = save("weights", self._weight_tensors, self._optimizer)
        return super().state() | {f"joint/{name}": value for name, value in weights.items()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        weights = {name.removeprefix("joint/"): value for name, value in state.items() if name.startswith("joint/")}
        put_back("weights", self._weight_tensors, self._optimizer, weights, self.name)
        super().restore(state)

    def _bound(self) -> None:
        """Set the gradients of frozen weights to 0. Adam then never changes them, since its moments stay 0."""
        for name, is_frozen in self._frozen.items():
            if (slope := self._weight_tensors[name].grad) is not None:
                slope.masked_fill_(is_frozen, 0)
        super()._bound()
