"""The gradients of one step of all replicas: mapped over the stack, or one replica after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.func import grad_and_value, vmap

from extrapolate.training.compiled import compile_or_eager
from extrapolate.training.feeds import join
from extrapolate.training.replicas import Replicas, State
from extrapolate.training.vectorize import row_of

if TYPE_CHECKING:
    from extrapolate.training.train_config import TrainConfig

#: ``(trained, fixed, keys, own, shared, scales)`` to gradients (R, ...) and losses (R,) of one step.
#:
#: ``trained``: the parameters to differentiate by; ``fixed``: the frozen ones, and the buffers; ``own`` and
#: ``shared``: the batch (see :mod:`.data`); ``scales`` (P,): those of the penalties, which the losses
#: returned do not contain.
Gradients = Callable[[State, State, Tensor, Any, Any, Tensor], tuple[State, Tensor]]

#: How ``vmap`` maps these arguments. Parts that sample from torch's global generator (dropout) do so for each
#: replica (``randomness="different"``).
IN_DIMS = (0, 0, 0, 0, None, None)


def vmap_gradients(replicas: Replicas, config: TrainConfig) -> Gradients:
    """All replicas in one call, mapped by ``vmap`` and, if the config says so, fused by ``torch.compile``."""
    eager = vmap_gradients_eagerly(replicas, config)
    return compile_or_eager(_differentiated_inside(replicas, config), eager) if config.compile else eager


def vmap_gradients_eagerly(replicas: Replicas, config: TrainConfig) -> Gradients:
    """The losses by ``vmap``, their gradients by ordinary ``autograd``: a third less time than ``vmap(grad)``.

    A replica's loss depends on its own parameters only, so the gradient of the sum is that of each.
    """
    losses_of = vmap(_call(replicas, config), in_dims=IN_DIMS, randomness="different")
    bounded = vmap(lambda slopes: _bound(slopes, config)) if config.grad_clip else None

    def step(trained: State, *rest: Any) -> tuple[State, Tensor]:
        leaves = {name: value.detach().requires_grad_() for name, value in trained.items()}
        with torch.enable_grad():
            totals, losses = losses_of(leaves, *rest)
            found = _gradients(totals.sum(), list(leaves.values()))
        # laid out as the parameters are: fused optimizers read both memories side by side
        slopes = {name: slope.contiguous() for name, slope in zip(leaves, found, strict=True)}
        return bounded(slopes) if bounded else slopes, losses.detach()

    return step


def _differentiated_inside(replicas: Replicas, config: TrainConfig) -> Gradients:
    """``vmap(grad)``, which can be compiled as one graph."""
    call = _call(replicas, config)

    def one(trained: State, *rest: Any) -> tuple[State, Tensor]:
        slopes, (_, value) = grad_and_value(call, has_aux=True)(trained, *rest)
        return _bound(slopes, config), value

    return vmap(one, in_dims=IN_DIMS, randomness="different")


def loop_gradients(replicas: Replicas, config: TrainConfig) -> Gradients:
    """One replica after the other by ordinary ``autograd``: for layers without a batching rule, such as
    ``torch.nn.LSTM``, and for those whose fastest kernels ``vmap`` cannot map. Never compiled.

    The numbers are those of :func:`mapped` to rounding, except where a layer samples from torch's global generator.
    """
    call = _call(replicas, config)

    def step(
        trained: State, fixed: State, keys: Tensor, own: Any, shared_batch: Any, scales: Tensor
    ) -> tuple[State, Tensor]:
        slopes = {name: torch.empty_like(value) for name, value in trained.items()}
        losses = keys.new_empty(len(keys), dtype=torch.float32)
        for row, key in enumerate(keys):
            leaves = {name: value[row].detach().requires_grad_() for name, value in trained.items()}
            with torch.enable_grad():
                total, loss = call(leaves, row_of(fixed, row), key, row_of(own, row), shared_batch, scales)
                found = _gradients(total, list(leaves.values()))
            losses[row] = loss.detach()
            for name, slope in _bound(dict(zip(leaves, found, strict=True)), config).items():
                slopes[name][row] = slope
        return slopes, losses

    return step


def _gradients(total: Tensor, leaves: list[Tensor]) -> tuple[Tensor, ...]:
    """Zeros for what the loss does not use, as ``torch.func.grad`` gives.

    Raises:
        ValueError: it uses none of them.
    """
    if not total.requires_grad:
        raise ValueError("the loss does not depend on the model's parameters: it was detached or rounded on the way")
    return torch.autograd.grad(total, leaves, allow_unused=True, materialize_grads=True)


def _call(replicas: Replicas, config: TrainConfig) -> Callable[..., tuple[Tensor, Tensor]]:
    """One replica's loss with its penalties, and without them."""

    def loss(model: nn.Module, key: Tensor, batch: Any, scales: Tensor) -> tuple[Tensor, Tensor]:
        value = config.loss(model, key, batch)
        _check_scalar(value)
        added = (each.of(model, value, scales[i]) for i, each in enumerate(config.penalties))
        return sum(added, start=value), value

    call = replicas.functionalize(loss, training=True)

    def one(
        trained: State, fixed: State, key: Tensor, own: Any, shared_batch: Any, scales: Tensor
    ) -> tuple[Tensor, Tensor]:
        return call(trained, fixed, key, key, join(own, shared_batch), scales)

    return one


def _check_scalar(value: Any) -> None:
    if not isinstance(value, Tensor):
        raise ValueError(f"the loss must return a scalar tensor for one replica, got {type(value).__name__}")
    if value.dim():
        raise ValueError(
            f"the loss must return a scalar for one replica, got shape {tuple(value.shape)}: "
            "take the mean over the examples"
        )


def _bound(slopes: State, config: TrainConfig) -> State:
    return config.grad_clip(slopes) if config.grad_clip else slopes
