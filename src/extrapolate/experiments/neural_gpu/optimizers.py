"""The optimizers a diagonal Neural GPU may be trained with: the published one, and those people ask about."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from extrapolate.experiments.common_options import name_option
from extrapolate.optim import AdaMax, Madam, PerReplica

#: Stacked parameters to an optimizer of all networks, at a rate of 1 that the plan scales.
Make = Callable[[list[Tensor]], torch.optim.Optimizer]


@dataclass(frozen=True)
class Trainer:
    """``rate``: the learning rate that it begins with, for a number of maps."""

    make: Make
    rate: Callable[[int], float]


def _adam(parameters: list[Tensor]) -> torch.optim.Optimizer:
    rates = torch.ones(len(parameters[0]), device=parameters[0].device)
    return PerReplica(parameters, rates, lambda each: torch.optim.Adam(each, lr=1.0))


TRAINERS: dict[str, Trainer] = {
    # published (the code of arXiv 1702.08727)
    "AdaMax": Trainer(lambda parameters: AdaMax(parameters, lr=1.0), lambda maps: 0.01 * 48 / maps),
    "Adam": Trainer(_adam, lambda maps: 0.001),
    "Madam": Trainer(lambda parameters: Madam(parameters, lr=1.0, replica_dims=1), lambda maps: 0.01),
}


def trainer_option() -> Any:
    """The name of one of :data:`TRAINERS`."""
    return name_option(f"Optimizer: {', '.join(TRAINERS)}.", list(TRAINERS), "optimizer")
