"""Errors of all replicas on fixed data, in float64: near exactness float32 measures its own rounding."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import vmap

from extrapolate.training.compiled import compiled
from extrapolate.training.replicas import Replicas


@dataclass(frozen=True)
class FixedData:
    """Inputs (N, I) and answers (N, O) on which the replicas of ``rows`` are measured."""

    rows: slice
    x: Tensor
    y: Tensor


def features_outermost(x: Tensor) -> Tensor:
    """The same values, stored with the batch contiguous: a fused pass over few features vectorises over it."""
    return x.movedim(-1, 0).contiguous().movedim(0, -1)


def mean_squared_error(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return (model(x) - y).square().mean()


def regression_errors(
    replicas: Replicas, measures: dict[str, Sequence[FixedData]], *, compile: bool = True
) -> Callable[[Replicas], dict[str, Tensor]]:
    """A function of the replicas giving each measure's mean squared error, float64 (R,).

    The pieces of one measure must cover every replica once; pieces of equal shapes share one compilation.
    """
    call = replicas.bind(mean_squared_error, training=False, dtype=torch.float64)
    mapped = vmap(call, in_dims=(0, 0, None, None, None))
    errors = compiled(mapped) if compile else mapped
    placed = {
        name: [(data.rows, features_outermost(data.x), data.y) for data in pieces]
        for name, pieces in measures.items()
    }

    @torch.no_grad()
    def evaluate(replicas: Replicas) -> dict[str, Tensor]:
        measured = {}
        for name, pieces in placed.items():
            out = torch.full((len(replicas),), torch.nan, dtype=torch.float64, device=replicas.device)
            for rows, x, y in pieces:
                parameters = {n: v[rows] for n, v in replicas.parameters.items()}
                buffers = {n: v[rows] for n, v in replicas.buffers.items()}
                out[rows] = errors(parameters, buffers, None, x, y)
            measured[name] = out
        return measured

    return evaluate
