"""Shared by the tasks on two sums, each over its own subset of many inputs."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import vmap

from extrapolate.experiments import lab
from extrapolate.tasks import SubsetProduct
from extrapolate.training import Replicas

#: The full weight of the penalty on the weights of NAU and NMU.
PENALTY = 10.0


@dataclass(frozen=True, kw_only=True)
class SubsetConfig(lab.Config):
    """The published 100 inputs need millions of steps until the two sums are told apart; 16 need far fewer."""

    in_features: int = lab.number(
        16,
        "Input size; each of the two sums is over a quarter of the inputs.",
        least=8,
        cut=lab.fewer("inputs"),
    )
    samples: int = lab.number(
        1_000,
        "Samples of the validation set, and of the extrapolation set.",
        least=2,
        cut=lab.fewer("test samples"),
    )
    epsilon: float = lab.real(
        1e-2,
        "A model counts as solved if its error is below that of exact sums with every weight off by X.",
        above=0,
        below=0.5,
        cut=lab.larger("solved: weights {:g} off instead of {:g}"),
    )


def place_subsets(task: SubsetProduct, seeds: Iterable[int], device: str) -> Tensor:
    """Which input is in which sum, (R, in_features, 2): a place for each seed."""
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    return torch.stack([task.place_subsets(each).subsets for each in generators]).to(device)


@torch.no_grad()
def errors_of(
    replicas: Replicas, error: Callable[..., Tensor], x: Tensor, *own: Tensor, at_once: int | None = None
) -> Tensor:
    """``error(model, x, *own)`` of each replica with its rows of ``own``, float64 (R,).

    ``at_once``: the number of replicas whose outputs fit into the memory.
    """
    call = replicas.bind(error, training=False, dtype=torch.float64)
    mapped = vmap(call, in_dims=(0, 0, None, None, *(0 for _ in own)), chunk_size=at_once)
    return mapped(replicas.parameters, replicas.buffers, None, x, *(each.double() for each in own))
