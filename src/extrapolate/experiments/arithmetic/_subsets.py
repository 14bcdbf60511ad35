"""Shared by the tasks on two sums, each over its own subset of many inputs."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from extrapolate.experiments.config import Config, fewer, larger, number, real
from extrapolate.tasks import SubsetProduct

#: The full weight of the penalty on the weights of NAU and NMU.
PENALTY = 10.0


@dataclass(frozen=True, kw_only=True)
class SubsetConfig(Config):
    """The published 100 inputs need millions of steps until the two sums are told apart; 16 need far fewer."""

    in_features: int = number(
        16, "Input size; each of the two sums is over a quarter of the inputs.", least=8, cut=fewer("inputs")
    )
    samples: int = number(
        1_000,
        "Samples of the validation set, and of the extrapolation set.",
        least=2,
        cut=fewer("test samples"),
    )
    epsilon: float = real(
        1e-2,
        "A model counts as solved if its error is below that of exact sums with every weight off by X.",
        above=0,
        below=0.5,
        cut=larger("solved: weights {:g} off instead of {:g}"),
    )


def place_subsets(task: SubsetProduct, seeds: Iterable[int], device: str) -> Tensor:
    """Which input is in which sum, (R, in_features, 2): a place for each seed."""
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    return torch.stack([task.place_subsets(each).subsets for each in generators]).to(device)
