"""The network: a first layer for every task, and the layers that all of them share."""

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from extrapolate.inspect import Mask

CLASSES = 10

#: The names that a task's first layer has in its network.
FIRST = "0."


class Chain(nn.Module):
    """Dense networks with ReLU between the layers, one a task, that differ in their first layer only."""

    def __init__(self, pixels: int, hidden: tuple[int, ...], tasks: int) -> None:
        super().__init__()
        self.firsts = nn.ModuleList(nn.Linear(pixels, hidden[0]) for _ in range(tasks))
        layers = [nn.Linear(*pair) for pair in itertools.pairwise((*hidden, CLASSES))]
        self.rest = nn.Sequential(*(part for layer in layers for part in (nn.ReLU(), layer)))

    def of(self, task: int) -> nn.Sequential:
        """The network of one task; it holds the chain's own layers, no copies."""
        return nn.Sequential(self.firsts[task], *self.rest)

    def forward(self, x: Tensor) -> Tensor:
        """The answer of the last task's network."""
        return self.of(len(self.firsts) - 1)(x)


def used(masks: "list[Mask]") -> "Mask | None":
    """What these tasks keep of the layers that all tasks share; None of no tasks."""
    if not masks:
        return None
    union = masks[0]
    for mask in masks[1:]:
        union = union | mask
    return union.only(*(name for name in union if not name.startswith(FIRST)))


@torch.no_grad()
def begin_anew(network: nn.Sequential, kept: "Mask | None", seed: int, task: int) -> None:
    """First values for all weights but the kept ones: Xavier-normal, biases 0, as published.

    The gain is √2, and 1 for the last layer.
    """
    word = int(np.random.SeedSequence([seed, task]).generate_state(1)[0])
    generator = torch.Generator().manual_seed(word)
    *_, last, _ = (name for name, _ in network.named_parameters())
    for name, value in network.named_parameters():
        fresh = torch.zeros(value.shape)
        if value.dim() == 2:
            nn.init.xavier_normal_(fresh, 1.0 if name == last else math.sqrt(2), generator)
        fresh = fresh.to(value.device)
        value.copy_(fresh if kept is None or name not in kept else torch.where(kept[name], value, fresh))
