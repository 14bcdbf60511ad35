"""Errors of all replicas on fixed data, in float64: near exactness float32 measures its own rounding."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn
from torch.func import vmap

from extrapolate.training.compiled import compiled
from extrapolate.training.metrics import Evaluate
from extrapolate.training.replicas import Replicas


@dataclass(frozen=True)
class FixedData:
    """Inputs (N, I) and answers (N, O) on which the replicas of ``rows`` are measured."""

    rows: slice
    x: Tensor
    y: Tensor


def features_outermost(x: Tensor) -> Tensor:
    """The same values, stored with the batch contiguous: a fused pass over few features vectorises so."""
    return x.movedim(-1, 0).contiguous().movedim(0, -1)


def mean_squared_error(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return (model(x) - y).square().mean()


def regression_errors(
    replicas: Replicas, measures: Mapping[str, Sequence[FixedData]], *, compile: bool = True
) -> Evaluate:
    """A function of the replicas giving each measure's mean squared error, float64 (R,).

    The pieces of one measure must cover every replica once; pieces of equal shapes share one compilation.
    """
    call = replicas.bind(mean_squared_error, training=False, dtype=torch.float64)
    mapped = vmap(call, in_dims=(0, 0, None, None, None))

    @cache
    def fused(count: int, x: torch.Size, y: torch.Size) -> Callable[..., Tensor]:
        """A function for each shape: the compiler gives up on one that it would compile for many."""
        return compiled(mapped) if compile else mapped

    def place(data: FixedData) -> tuple[Callable[..., Tensor], slice, Tensor, Tensor]:
        count = len(range(len(replicas))[data.rows])
        return fused(count, data.x.shape, data.y.shape), data.rows, features_outermost(data.x), data.y

    placed = {name: [place(data) for data in pieces] for name, pieces in measures.items()}

    @torch.no_grad()
    def evaluate(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
        measured = {}
        for name, pieces in placed.items():
            out = torch.full((len(replicas),), torch.nan, dtype=torch.float64, device=replicas.device)
            for errors, rows, x, y in pieces:
                parameters = {n: v[rows] for n, v in replicas.parameters.items()}
                buffers = {n: v[rows] for n, v in replicas.buffers.items()}
                out[rows] = errors(parameters, buffers, None, x, y)
            measured[name] = out
        return measured

    return evaluate
