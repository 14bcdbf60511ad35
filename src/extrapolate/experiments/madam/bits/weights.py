"""The kinds of weights that are compared, each with the optimizer that keeps them."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from extrapolate.optim import IntegerMadam, Madam

#: (stacked parameters, seeds) to an optimizer of all replicas.
Make = Callable[[list[Tensor], list[int]], torch.optim.Optimizer]


@dataclass(frozen=True)
class Weights:
    """``bits`` of a weight, its sign included."""

    bits: int
    make: Make


def _integers(bits: int, rounding: str) -> Weights:
    def make(parameters: list[Tensor], seeds: list[int]) -> torch.optim.Optimizer:
        return IntegerMadam(parameters, bits=bits, rounding=rounding, seed=seeds, replica_dims=1)

    return Weights(bits, make)


#: Floats, then integers whose moves are rounded at random, then to the nearest level as published.
WEIGHTS: dict[str, Weights] = {
    "float32": Weights(32, lambda parameters, seeds: Madam(parameters, replica_dims=1)),
    **{f"{bits}-bit": _integers(bits, "stochastic") for bits in (16, 12, 10, 8)},
    **{f"{bits}-bit-nearest": _integers(bits, "nearest") for bits in (12, 10, 8)},
}
