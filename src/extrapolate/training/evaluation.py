"""Errors of all replicas on fixed data, in float64: near exactness float32 measures its own rounding."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import vmap

from extrapolate.training.compiled import compile_or_eager
from extrapolate.training.metrics import Evaluate
from extrapolate.training.replicas import Replicas


@dataclass(frozen=True)
class FixedData:
    """Inputs (N, I) and answers (N, O) on which the replicas of ``rows`` are measured."""

    rows: slice
    x: Tensor
    y: Tensor


def mean_squared_error(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return (model(x) - y).square().mean()


def regression_errors(measures: Mapping[str, Sequence[FixedData]], *, compile: bool = True) -> Evaluate:
    """A function of replicas giving each measure's mean squared error, float64 (R,).

    The pieces of one measure must cover every replica once; pieces of equal shapes share one compilation.
    """
    # inputs with the batch contiguous: a fused pass over few features vectorises so
    placed = {
        name: [(data.rows, data.x.movedim(-1, 0).contiguous().movedim(0, -1), data.y) for data in pieces]
        for name, pieces in measures.items()
    }
    by_shape: dict[tuple[int, torch.Size, torch.Size], Callable[..., Tensor]] = {}

    def errors_of(replicas: Replicas, rows: slice, x: Tensor, y: Tensor) -> Tensor:
        """By a function for each shape: the compiler gives up on one that it would compile for many."""
        shapes = len(range(len(replicas))[rows]), x.shape, y.shape
        if shapes not in by_shape:
            call = replicas.functionalize(mean_squared_error, training=False, dtype=torch.float64)
            mapped = vmap(call, in_dims=(0, 0, None, None, None))
            by_shape[shapes] = compile_or_eager(mapped) if compile else mapped
        parameters = {n: v[rows] for n, v in replicas.parameters.items()}
        buffers = {n: v[rows] for n, v in replicas.buffers.items()}
        return by_shape[shapes](parameters, buffers, None, x, y)

    @torch.no_grad()
    def evaluate(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
        measured = {}
        for name, pieces in placed.items():
            out = torch.full((len(replicas),), torch.nan, dtype=torch.float64, device=replicas.device)
            for rows, x, y in pieces:
                out[rows] = errors_of(replicas, rows, x, y)
            measured[name] = out
        return measured

    return evaluate
