"""The losses of one batch under K masks: one ``vmap`` call, or a loop if an operator cannot be mapped."""

import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils import _pytree as pytree

from extrapolate._runtime.batches import call_on_batch
from extrapolate._runtime.errors import UserError

#: Tensors (B, ...): a tuple, a list, or a mapping of them.
Batch = Sequence[Tensor] | Mapping[str, Tensor]

#: ``loss(model, *batch)``, or ``loss(model, **batch)`` for a mapping: returns the mean loss of a part of a batch, a
#: scalar. ``model`` is called like the module.
Loss = Callable[..., Tensor]

#: A module's parameters under K masks: tensors (K, ...) by name.
SampledMasks = dict[str, Tensor]


class MaskedLosses:
    """``losses(samples, batch)`` splits a batch into K parts and returns the losses of part k under mask k, (K,).

    The first call tests whether ``vmap`` can map the module over masks. If not, it gives one RuntimeWarning that
    names the operator, and all calls loop over the masks.
    """

    def __init__(self, module: nn.Module, loss: Loss) -> None:
        self._module, self._loss = module, loss
        # copies: a layer that updates its buffers must not change the user's module
        self._buffers = {name: value.detach().clone() for name, value in module.named_buffers()}
        self._parameters = {name: value.detach() for name, value in module.named_parameters()}
        self._vmapped = vmap(self._one, randomness="different")
        self._way: Callable[[SampledMasks, Batch], Tensor] | None = None

    def __call__(self, samples: SampledMasks, batch: Batch) -> Tensor:
        masks = len(next(iter(samples.values())))
        parts = pytree.tree_map(lambda each: each.contiguous().view(masks, -1, *each.shape[1:]), batch)
        if self._way is None:
            self._way = self._choose(samples, parts)
        return self._way(samples, parts)

    def _one(self, samples: SampledMasks, part: Batch) -> Tensor:
        def model(*args: Any, **kwargs: Any) -> Any:
            return functional_call(self._module, {**self._parameters, **self._buffers, **samples}, args, kwargs)

        value = call_on_batch(self._loss, model, part)
        if not isinstance(value, Tensor) or value.dim() != 0:
            raise UserError(f"the loss must return a scalar tensor, the mean over the batch, got {_shorten(value)}")
        return value

    def loop(self, samples: SampledMasks, parts: Batch) -> Tensor:
        """Return the same losses as the ``vmap`` call, mask by mask; ``parts`` are (K, B/K, ...)."""
        rows = range(len(next(iter(samples.values()))))
        pairs = [pytree.tree_map(lambda value, row=row: value[row], (samples, parts)) for row in rows]
        return torch.stack([self._one(*each) for each in pairs])

    def _choose(self, samples: SampledMasks, parts: Batch) -> Callable[[SampledMasks, Batch], Tensor]:
        leaves = {name: value.detach().requires_grad_() for name, value in samples.items()}
        try:
            total = self._vmapped(leaves, parts).sum()
            torch.autograd.grad(total, list(leaves.values()), allow_unused=True)  # some fail only in backward
        except UserError:
            raise
        except Exception as error:
            # an error in the loss or the data also occurs in the loop, with a clearer message
            self.loop(samples, parts)
            text = f"vmap cannot map {type(self._module).__name__} over masks ({_reason(error)})"
            warnings.warn(f"{text}: looping over the masks, which is slower", RuntimeWarning, stacklevel=2)
            return self.loop
        return self._vmapped


class LoopedLosses(MaskedLosses):
    """Always loops over the masks: for modules that ``vmap`` does not make faster, such as those with ``nn.LSTM``."""

    def __init__(self, module: nn.Module, loss: Loss) -> None:
        super().__init__(module, loss)
        self._way = self.loop


@contextmanager
def ready(module: nn.Module) -> Iterator[None]:
    """Inside, ``module`` is in evaluation mode, ``vmap`` can map attention, and recurrent layers have gradients."""
    modes = [(part, part.training) for part in module.modules()]
    fastpath = torch.backends.mha.get_fastpath_enabled()
    with ExitStack() as stack:
        stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        if any(isinstance(part, nn.RNNBase) for part in module.modules()):
            # cuDNN's recurrent layers have no backward pass in evaluation mode
            stack.enter_context(torch.backends.cudnn.flags(enabled=False))
        try:
            torch.backends.mha.set_fastpath_enabled(False)  # the fast path has no derivative
            module.eval()
            yield
        finally:
            torch.backends.mha.set_fastpath_enabled(fastpath)
            for part, training in modes:
                part.training = training


def _reason(error: Exception) -> str:
    operator = re.search(r"aten::[\w.]+", str(error))
    return operator[0] if operator else str(error).strip().splitlines()[0][:160] or type(error).__name__


def _shorten(value: object) -> str:
    return f"the shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
