"""One function's mask while it is learned: its logits, their optimizer, and a step."""

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
    """How masks are learned (the defaults are those published for addition and multiplication).

    Args:
        masks: masks drawn a step, K; a batch is cut into as many parts.
        pressure: what is added to the gradient of every logit, α = β / B of the publication.
        learning_rate: of Adam, on the logits.
        clip: bound on the norm of all logits' gradients.
        start: every logit at the beginning; sigmoid(2) = 0.88 of the weights are kept then.
        seed: what the drawn masks follow from, with the function's place and the step.
    """

    masks: int = 4
    sparsity_penalty: float = 1e-4 / 128
    learning_rate: float = 1e-2
    grad_clip: float = 1.0
    init_logit: float = 2.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.masks < 1:
            raise UserError(f"masks={self.masks}: at least one mask must be drawn a step")
        for name in ("sparsity_penalty", "learning_rate", "grad_clip", "init_logit"):
            if not math.isfinite(value := getattr(self, name)) or (value < 0 and name != "init_logit"):
                raise UserError(f"{name}={value}: give a finite number, not below 0")


class MaskLearner:
    """Learns which weights of ``module`` one function needs; ``module`` is never written to.

    Call :meth:`step` with batches; to be used inside :func:`ready`, as :func:`learn_masks` does. Everything
    the next step depends on is in :meth:`state`.

    Args:
        place: learners of one seed that differ in it draw other masks.
        losses: makes what computes a batch's losses under all masks, mapped over them or in a loop.

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
        self._laid_out = {key: Laid.out(value) for key, value in maskable(module, parameters).items()}
        self._logits = {
            key: torch.full(laid.weight.shape, config.init_logit, device=laid.weight.device).requires_grad_()
            for key, laid in self._laid_out.items()
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
        """One step on a batch of tensors (B, ...), or a mapping of them; returns the mean loss under the drawn masks.

        Raises:
            UserError: the batch cannot be cut into K equal parts, or the loss or a gradient is not finite.
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
        """What is kept by now: logits of at least 0."""
        return Mask({name: self._laid_out[name].back(value >= 0) for name, value in self._logits.items()})

    @torch.no_grad()
    def count_undecided(self) -> float:
        """The fraction of the weights that are kept with a probability between 0.1 and 0.9."""
        between = [int((value.abs() < math.log(9)).sum()) for value in self._logits.values()]
        return sum(between) / sum(value.numel() for value in self._logits.values())

    def logits(self) -> dict[str, Tensor]:
        """The logits by name, in the shapes of their parameters."""
        return {name: self._laid_out[name].back(value.detach()) for name, value in self._logits.items()}

    def state(self) -> dict[str, Tensor]:
        """Tensors by name, for :meth:`restore`."""
        return {"steps": torch.tensor(self.steps_done)} | save("logits", self._logits, self._optimizer)

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Goes on from a :meth:`state`, with the numbers of an undisturbed training.

        Raises:
            UserError: the state is of another module.
        """
        put_back("logits", self._logits, self._optimizer, state, self.name)
        self.steps_done = int(state["steps"])

    def _sample(self) -> dict[str, Tensor]:
        drawn = {}
        for key, (name, laid) in zip(self._keys, self._laid_out.items(), strict=True):
            key[2] = self.steps_done
            at = key.to(laid.weight.device, copy=True)  # kept for the way back
            drawn[name] = laid.back(draw(self._logits[name], laid.weight, at, self.learning.masks))
        return drawn

    def _bound(self) -> None:
        """Adds the pressure; then the norm of all gradients is at most ``clip``."""
        learned = [value for group in self._optimizer.param_groups for value in group["params"]]
        slopes = []
        for value in learned:
            if value.grad is None:  # the loss does not depend on this tensor
                value.grad = torch.zeros_like(value)
            slopes.append(value.grad)
        for slope in slopes[: len(self._logits)]:  # the logits come first
            slope.add_(self.learning.sparsity_penalty)
        norm = float(total := get_total_norm(slopes, foreach=True))
        if not math.isfinite(norm):
            raise UserError(self._blame(f"the gradient's norm is {norm}"))
        if norm > self.learning.grad_clip:
            clip_grads_with_norm_(learned, self.learning.grad_clip, total, foreach=True)

    def _check(self, batch: Batch) -> None:
        tensors = pytree.tree_leaves(batch)
        if not all(isinstance(each, Tensor) for each in tensors):
            raise UserError(f"{self.name}: a batch is a tensor, or a tuple, list or mapping (dict) of tensors")
        sizes = {len(each) if each.dim() else 0 for each in tensors}
        for i, each in enumerate(tensors):
            size = len(each) if each.dim() else 0
            if size == 0 or size % self.learning.masks:
                raise UserError(
                    f"{self.name}: tensor {i} of the batch holds {size} examples, which {self.learning.masks} masks "
                    "cannot share equally: choose another batch size or number of masks"
                )
        if len(sizes) != 1:
            raise UserError(f"{self.name}: the tensors of a batch hold {sorted(sizes)} examples: give all the same")

    def _blame(self, what: str) -> str:
        """Where it may come from: a weight that is not finite, or else a gradient, or else data and loss."""
        found = f"{self.name}: {what} at step {self.steps_done + 1}"
        for name, value in [*self.module.named_parameters(), *self.module.named_buffers()]:
            if not torch.isfinite(value).all():
                return f"{found}: {name!r} holds values that are not finite"
        for name, value in self._logits.items():
            if value.grad is not None and not torch.isfinite(value.grad).all():
                return f"{found}: it comes from {name!r}, whose values are finite: look at the data and the loss"
        return f"{found}, though all weights are finite: look at the data and the loss"


@dataclass(frozen=True)
class Laid:
    """A weight as it lies in memory while masks are learned: matrices input first, the way gradients come."""

    weight: Tensor
    matrix: bool

    @classmethod
    def out(cls, weight: Tensor) -> "Laid":
        matrix = weight.dim() == 2
        return cls((weight.mT if matrix else weight).contiguous(), matrix)

    def like(self, value: Tensor) -> Tensor:
        """``value``, of the parameter's shape, laid out like the weight and on its device."""
        return (value.mT if self.matrix else value).contiguous().to(self.weight.device)

    def back(self, value: Tensor) -> Tensor:
        """``value`` (..., *laid shape) with the axes of the parameter."""
        return value.mT if self.matrix else value
