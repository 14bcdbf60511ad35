"""The optimizers that are compared, for stacked replicas with a learning rate each."""

from collections.abc import Callable

import torch
from torch import Tensor

from extrapolate.optim import Madam, PerReplica

#: (stacked parameters, learning rates (R,)) to an optimizer of all replicas.
Make = Callable[[list[Tensor], Tensor], torch.optim.Optimizer]

MOMENTUM = 0.9


def madam(parameters: list[Tensor], rates: Tensor) -> torch.optim.Optimizer:
    return Madam(parameters, lr=rates, replica_dims=1)


def adam(parameters: list[Tensor], rates: Tensor) -> torch.optim.Optimizer:
    return PerReplica(parameters, rates, lambda each: torch.optim.Adam(each, lr=1.0))


def sgd(parameters: list[Tensor], rates: Tensor) -> torch.optim.Optimizer:
    return PerReplica(parameters, rates, lambda each: torch.optim.SGD(each, lr=1.0, momentum=MOMENTUM))


OPTIMIZERS: dict[str, Make] = {"Madam": madam, "Adam": adam, "SGD": sgd}
