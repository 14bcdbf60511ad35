"""The gradients of one step of all replicas: mapped over the stack, or one replica after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.func import grad_and_value, vmap

from extrapolate.training.compiled import compiled
from extrapolate.training.replicas import Replicas, State

if TYPE_CHECKING:
    from extrapolate.training.plan import Plan

#: ``(trained, fixed, keys, given, shared, scales)`` to gradients (R, ...) and losses (R,) of one step.
#:
#: ``trained``: the parameters to differentiate by; ``fixed``: the frozen ones, and the buffers; ``shared``: the
#: same for all; ``scales`` (P,): those of the penalties, which the losses returned do not contain.
Gradients = Callable[..., tuple[State, Tensor]]


def mapped(replicas: Replicas, plan: Plan) -> Gradients:
    """All replicas in one call, mapped by ``vmap`` and, if the plan says so, fused by ``torch.compile``."""
    call = _call(replicas, plan)

    def one(trained: State, *rest: Any) -> tuple[State, Tensor]:
        slopes, (_, value) = grad_and_value(call, has_aux=True)(trained, *rest)
        return _bounded(slopes, plan), value

    # "different": parts that draw from torch's global generator (dropout) draw for each replica
    step = vmap(one, in_dims=(0, 0, 0, 0, None, None), randomness="different")
    return compiled(step) if plan.compile else step


def one_by_one(replicas: Replicas, plan: Plan) -> Gradients:
    """One replica after the other by ordinary ``autograd``: for layers without a batching rule, such as
    ``nn.LSTM``, and for those whose fastest kernels ``vmap`` cannot map. The same numbers, never compiled."""
    call = _call(replicas, plan)

    def step(
        trained: State, fixed: State, keys: Tensor, given: State, shared: State, scales: Tensor
    ) -> tuple[State, Tensor]:
        slopes = {name: torch.empty_like(value) for name, value in trained.items()}
        losses = keys.new_empty(len(keys), dtype=torch.float32)
        for row, key in enumerate(keys):
            leaves = {name: value[row].detach().requires_grad_() for name, value in trained.items()}
            with torch.enable_grad():
                total, losses[row] = call(leaves, _of(fixed, row), key, _of(given, row), shared, scales)
                found = torch.autograd.grad(total, list(leaves.values()))
            for name, slope in _bounded(dict(zip(leaves, found, strict=True)), plan).items():
                slopes[name][row] = slope
        return slopes, losses

    return step


def _call(replicas: Replicas, plan: Plan) -> Callable[..., tuple[Tensor, Tensor]]:
    """One replica's loss with its penalties, and without them."""

    def loss(model: nn.Module, key: Tensor, given: State, scales: Tensor) -> tuple[Tensor, Tensor]:
        value = plan.loss(model, key, given)
        added = (each.of(model, value, scales[i]) for i, each in enumerate(plan.penalties))
        return sum(added, start=value), value

    call = replicas.bind(loss, training=True)

    def one(
        trained: State, fixed: State, key: Tensor, given: State, shared: State, scales: Tensor
    ) -> tuple[Tensor, Tensor]:
        return call(trained, fixed, key, key, given | shared, scales)

    return one


def _bounded(slopes: State, plan: Plan) -> State:
    return plan.clip(slopes) if plan.clip else slopes


def _of(values: State, row: int) -> State:
    return {name: value[row] for name, value in values.items()}
