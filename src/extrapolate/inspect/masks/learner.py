"""Learn one function's mask: its logits, their optimizer, and the training step."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grads_with_norm_, get_total_norm
from torch.utils import _pytree as pytree

from extrapolate._runtime.errors import UserError
from extrapolate.inspect.masks.adam import put_back, save
from extrapolate.inspect.masks.batched import Batch, Loss, MaskedLosses
from extrapolate.inspect.masks.choice import ParameterFilter, is_weight, maskable
from extrapolate.inspect.masks.mask import Mask
from extrapolate.inspect.masks.sampling import draw


@dataclass(frozen=True)
class MaskConfig:
    """How masks are learned. The defaults are published for addition and multiplication (arXiv 2010.02066).

    Args:
        masks: number of masks K that are sampled per step. A batch is split into K parts, one per mask.
        sparsity_penalty: constant that is added to the gradient of every logit. In the paper it is α = β / B, with a
            strength β and the batch size B.
        learning_rate: learning rate of Adam for the logits.
        grad_clip: gradients are scaled down if the norm of all of them together is larger.
        init_logit: initial value of every logit. With 2, each weight is initially kept with
            probability sigmoid(2) = 0.88.
        seed: seed of the sampled masks. They also depend on the step and on the index of the function (such as add)
            whose mask is learned.

    Raises:
        UserError: ``masks`` is below 1, a value is not finite, or one other than ``init_logit`` is negative.
    """

    masks: int = 4
    sparsity_penalty: float = 1e-4 / 128
    learning_rate: float = 1e-2
    grad_clip: float = 1.0
    init_logit: float = 2.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.masks < 1:
            raise UserError(f"masks={self.masks} must be at least 1")
        for name in ("sparsity_penalty", "learning_rate", "grad_clip", "init_logit"):
            if not math.isfinite(value := getattr(self, name)) or (value < 0 and name != "init_logit"):
                raise UserError(f"{name}={value} must be finite{'' if name == 'init_logit' else ' and at least 0'}")


class MaskLearner:
    """Learns which weights of ``module`` one function needs. ``module`` does not change.

    Call :meth:`step` with batches, inside the context :func:`ready`, as :func:`learn_masks` does. :meth:`state`
    returns everything that the next step depends on.

    Args:
        module: a trained module.
        loss: see :func:`learn_masks`.
        config: how the mask is learned.
        name: name of the function, for error messages.
        index: learners with the same seed but different ``index`` sample different masks.
        parameters: which parameters are masked.
        losses: class that computes the losses under all masks, with ``vmap`` or in a loop.

    Raises:
        UserError: ``module`` has no maskable weight.
    """

    def __init__(
        self,
        module: nn.Module,
        loss: Loss,
        config: MaskConfig,
        *,
        name: str = "the function",
        index: int = 0,
        parameters: ParameterFilter = is_weight,
        losses: Callable[[nn.Module, Loss], MaskedLosses] = MaskedLosses,
    ) -> None:
        self.learning, self.name, self.steps_done = config, name, 0
        self._layouts = {key: Layout.of(value) for key, value in maskable(module, parameters).items()}
        self._logits = {
            key: torch.full(layout.weight.shape, config.init_logit, device=layout.weight.device).requires_grad_()
            for key, layout in self._layouts.items()
        }
        self._losses = losses(module, loss)
        device = next(iter(self._logits.values())).device
        self._optimizer = torch.optim.Adam(
            list(self._logits.values()), lr=config.learning_rate, fused=device.type in ("cpu", "cuda")
        )
        streams = -(-config.masks // 4)
        self._keys = [
            torch.tensor([config.seed, (index * len(self._logits) + i) * streams, 0])
            for i in range(len(self._logits))
        ]
        self.module = module

    def step(self, batch: Batch) -> float:
        """Train the logits on one batch and return the mean loss under the sampled masks.

        Args:
            batch: tensors (B, ...), or a mapping of them. K must divide B.

        Raises:
            UserError: the batch cannot be split into K equal parts, or the loss or a gradient is not finite.
        """
        self._check(batch)
        loss = self._losses(self._sample(), batch).mean()
        value = float(loss.detach())
        if not math.isfinite(value):
            raise UserError(self._blame(f"the loss is {value}"))
        loss.backward()
        self._bound()
        self._optimizer.step()
        self._optimizer.zero_grad()
        self.steps_done += 1
        return value

    @torch.no_grad()
    def mask(self) -> Mask:
        """Return the current mask: a weight is kept if its logit is at least 0."""
        return Mask({name: self._layouts[name].back(value >= 0) for name, value in self._logits.items()})

    @torch.no_grad()
    def count_undecided(self) -> float:
        """Return the fraction of weights that are kept with a probability between 0.1 and 0.9."""
        between = [int((value.abs() < math.log(9)).sum()) for value in self._logits.values()]
        return sum(between) / sum(value.numel() for value in self._logits.values())

    def logits(self) -> dict[str, Tensor]:
        """Return the logits by name, in the shapes of their parameters."""
        return {name: self._layouts[name].back(value.detach()) for name, value in self._logits.items()}

    def state(self) -> dict[str, Tensor]:
        """Return the state of the learner as tensors by name, for :meth:`restore`."""
        return {"steps": torch.tensor(self.steps_done)} | save("logits", self._logits, self._optimizer)

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Load a :meth:`state`. The results are then those of an uninterrupted training.

        Raises:
            UserError: the state belongs to another module.
        """
        put_back("logits", self._logits, self._optimizer, state, self.name)
        self.steps_done = int(state["steps"])

    def _sample(self) -> dict[str, Tensor]:
        samples = {}
        for key, (name, layout) in zip(self._keys, self._layouts.items(), strict=True):
            key[2] = self.steps_done
            copied = key.to(layout.weight.device, copy=True)  # the backward pass needs it unchanged
            samples[name] = layout.back(draw(self._logits[name], layout.weight, copied, self.learning.masks))
        return samples

    def _bound(self) -> None:
        """Add the sparsity penalty to the gradients, then clip their norm to ``grad_clip``."""
        values = [value for group in self._optimizer.param_groups for value in group["params"]]
        slopes = []
        for value in values:
            if value.grad is None:  # the loss does not depend on this tensor
                value.grad = torch.zeros_like(value)
            slopes.append(value.grad)
        for slope in slopes[: len(self._logits)]:  # the logits come first
            slope.add_(self.learning.sparsity_penalty)
        norm = float(total := get_total_norm(slopes, foreach=True))
        if not math.isfinite(norm):
            raise UserError(self._blame(f"the gradient's norm is {norm}"))
        if norm > self.learning.grad_clip:
            clip_grads_with_norm_(values, self.learning.grad_clip, total, foreach=True)

    def _check(self, batch: Batch) -> None:
        tensors = pytree.tree_leaves(batch)
        if not all(isinstance(each, Tensor) for each in tensors):
            raise UserError(f"{self.name}: a batch must be a tensor, or a tuple, list or mapping (dict) of tensors")
        sizes = {len(each) if each.dim() else 0 for each in tensors}
        for i, each in enumerate(tensors):
            size = len(each) if each.dim() else 0
            if size == 0 or size % self.learning.masks:
                raise UserError(
                    f"{self.name}: tensor {i} of the batch has {size} examples, not a multiple of "
                    f"masks={self.learning.masks}: choose another batch size or number of masks"
                )
        if len(sizes) != 1:
            raise UserError(
                f"{self.name}: the tensors of a batch have different lengths, {sorted(sizes)}: all must be equal"
            )

    def _blame(self, what: str) -> str:
        """Return an error message that names a likely cause: a weight, else a gradient, else data and loss."""
        found = f"{self.name}: {what} at step {self.steps_done + 1}"
        for name, value in [*self.module.named_parameters(), *self.module.named_buffers()]:
            if not torch.isfinite(value).all():
                return f"{found}: {name!r} holds values that are not finite"
        for name, value in self._logits.items():
            if value.grad is not None and not torch.isfinite(value.grad).all():
                return f"{found}: the gradient of {name!r} is not finite: check the data and the loss"
        return f"{found}, but all weights are finite: check the data and the loss"


@dataclass(frozen=True)
class Layout:
    """A weight in the memory layout of its gradient: matrices are stored transposed, (in, out)."""

    weight: Tensor
    matrix: bool

    @classmethod
    def of(cls, weight: Tensor) -> "Layout":
        matrix = weight.dim() == 2
        return cls((weight.mT if matrix else weight).contiguous(), matrix)

    def like(self, value: Tensor) -> Tensor:
        """Convert ``value`` from the parameter's shape to this layout and device."""
        return (value.mT if self.matrix else value).contiguous().to(self.weight.device)

    def back(self, value: Tensor) -> Tensor:
        """Convert ``value`` (..., *layout shape) to the axes of the parameter."""
        return value.mT if self.matrix else value
