"""The gradients of all replicas at one step: with ``vmap``, or one replica after another."""

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

#: Maps ``(trained, fixed, keys, own, shared, scales)`` to gradients (R, ...) and losses (R,) of one step.
#:
#: ``trained``: the parameters to differentiate by. ``fixed``: frozen parameters and buffers. ``own`` and
#: ``shared``: the two halves of the batch (see :class:`Feed`). ``scales`` (P,): weights of the penalties. The
#: losses do not include the penalties.
Gradients = Callable[[State, State, Tensor, Any, Any, Tensor], tuple[State, Tensor]]

#: ``in_dims`` of ``vmap`` for these arguments. Layers that sample from torch's global generator (dropout) sample
#: different numbers for each replica (``randomness="different"``).
IN_DIMS = (0, 0, 0, 0, None, None)


def vmap_gradients(replicas: Replicas, config: TrainConfig) -> Gradients:
    """Compute all replicas in one call with ``vmap``, compiled if ``config.compile`` is set."""
    eager = vmap_gradients_eagerly(replicas, config)
    return compile_or_eager(_differentiated_inside(replicas, config), eager) if config.compile else eager


def vmap_gradients_eagerly(replicas: Replicas, config: TrainConfig) -> Gradients:
    """Compute the losses with ``vmap`` and the gradients with ``autograd``: a third less time than ``vmap(grad)``.

    A replica's loss depends only on its own parameters. The gradient of the sum of the losses therefore contains
    the gradient of each replica.
    """
    losses_of = vmap(_call(replicas, config), in_dims=IN_DIMS, randomness="different")
    bounded = vmap(lambda slopes: _bound(slopes, config)) if config.grad_clip else None

    def step(trained: State, *rest: Any) -> tuple[State, Tensor]:
        leaves = {name: value.detach().requires_grad_() for name, value in trained.items()}
        with torch.enable_grad():
            totals, losses = losses_of(leaves, *rest)
            found = _gradients(totals.sum(), list(leaves.values()))
        # the same memory layout as the parameters: fused optimizers read both in parallel
        slopes = {name: slope.contiguous() for name, slope in zip(leaves, found, strict=True)}
        return bounded(slopes) if bounded else slopes, losses.detach()

    return step


def _differentiated_inside(replicas: Replicas, config: TrainConfig) -> Gradients:
    """Return ``vmap(grad)``, which can be compiled as one graph."""
    call = _call(replicas, config)

    def one(trained: State, *rest: Any) -> tuple[State, Tensor]:
        slopes, (_, value) = grad_and_value(call, has_aux=True)(trained, *rest)
        return _bound(slopes, config), value

    return vmap(one, in_dims=IN_DIMS, randomness="different")


def loop_gradients(replicas: Replicas, config: TrainConfig) -> Gradients:
    """Compute one replica after another with ``autograd``. Never compiled.

    It is for layers without a batching rule, such as ``torch.nn.LSTM``, and for layers whose fastest kernels
    ``vmap`` cannot map. Results equal those of :func:`vmap_gradients` up to rounding, except in layers that sample
    from torch's global generator.
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
    """Return the gradients; zeros for parameters that the loss does not use, as ``torch.func.grad`` returns.

    Raises:
        ValueError: the loss uses none of the parameters.
    """
    if not total.requires_grad:
        raise ValueError(
            "the loss does not depend on the model's parameters: check that nothing detaches or rounds it"
        )
    return torch.autograd.grad(total, leaves, allow_unused=True, materialize_grads=True)


def _call(replicas: Replicas, config: TrainConfig) -> Callable[..., tuple[Tensor, Tensor]]:
    """Return a function that computes one replica's loss with penalties, and without."""

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
