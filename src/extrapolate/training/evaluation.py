"""Errors of all replicas on fixed data, in float64: float32 cannot measure errors close to 0."""

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
    """Inputs (N, I) and targets (N, O) on which the replicas in ``rows`` are evaluated."""

    rows: slice
    x: Tensor
    y: Tensor


def mean_squared_error(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return (model(x) - y).square().mean()


def regression_errors(measures: Mapping[str, Sequence[FixedData]], *, compile: bool = True) -> Evaluate:
    """Return an evaluation that computes the mean squared error of each measure, float64 (R,).

    The pieces of one measure must cover every replica once. Pieces of equal shapes are compiled once.
    """
    # the batch axis of the inputs is contiguous, so that the fused kernel vectorises over it
    contiguous = {
        name: [(data.rows, data.x.movedim(-1, 0).contiguous().movedim(0, -1), data.y) for data in pieces]
        for name, pieces in measures.items()
    }
    by_shape: dict[tuple[int, torch.Size, torch.Size], Callable[..., Tensor]] = {}

    def errors_of(replicas: Replicas, rows: slice, x: Tensor, y: Tensor) -> Tensor:
        """Compute with one function per shape: the compiler limits the number of shapes of a function."""
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
        for name, pieces in contiguous.items():
            out = torch.full((len(replicas),), torch.nan, dtype=torch.float64, device=replicas.device)
            for rows, x, y in pieces:
                out[rows] = errors_of(replicas, rows, x, y)
            measured[name] = out
        return measured

    return evaluate
