"""A mask and the weights under it, learned together: for a network that learns one function after another."""

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
    """Learns which weights one function needs and, by the same Adam, the values of those that are free to move.

    A drawn weight w m has the gradient g m by w and the straight-through one by the logit of m. ``module`` gives
    the first values and is never written to: :meth:`weights` gives what they have become.

    Args:
        frozen: weights that stay as they are, bit for bit, those of earlier functions say; the mask may keep them.
            Parameters that are not chosen stay as well.
        frozen_start: their logits at the beginning; those of the others start at ``learning.start``.

    Raises:
        UserError: ``module`` has no maskable weight, or lacks a frozen one.
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
            frozen.apply(module)  # says what does not fit
        self._laid_out = {
            name: replace(laid, weight=laid.weight.clone().requires_grad_()) for name, laid in self._laid_out.items()
        }
        self._moving = {name: laid.weight for name, laid in self._laid_out.items()}
        self._frozen = {
            name: laid.like(frozen[name])
            for name, laid in self._laid_out.items()
            if frozen is not None and name in frozen
        }
        with torch.no_grad():
            for name, stays in self._frozen.items():
                self._logits[name].masked_fill_(stays, frozen_start)
        self._optimizer.add_param_group({"params": list(self._moving.values())})

    def trained_weights(self) -> dict[str, Tensor]:
        """The values by name, in the shapes of their parameters."""
        return {name: laid.back(laid.weight.detach()) for name, laid in self._laid_out.items()}

    def state(self) -> dict[str, Tensor]:
        moving = save("weights", self._moving, self._optimizer)
        return super().state() | {f"joint/{name}": value for name, value in moving.items()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        moving = {name.removeprefix("joint/"): value for name, value in state.items() if name.startswith("joint/")}
        put_back("weights", self._moving, self._optimizer, moving, self.name)
        super().restore(state)

    def _bound(self) -> None:
        """Frozen weights have no gradient: Adam, which has not moved them before, leaves them bit for bit."""
        for name, stays in self._frozen.items():
            if (slope := self._moving[name].grad) is not None:
                slope.masked_fill_(stays, 0)
        super()._bound()
