"""A network with a first layer for every task and layers that all tasks share; how its masks overlap."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from extrapolate.experiments.masks._tables import Line, by_layer
from extrapolate.inspect import Mask, PerLayer

CLASSES = 10

#: How the names of a task's first layer begin in its network.
FIRST = "0."


class Chain(nn.Module):
    """Dense networks with ReLU between the layers, one per task, that differ in their first layer only."""

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


def used(masks: Sequence[Mask]) -> Mask | None:
    """What these tasks keep of the layers that all tasks share; None of no tasks."""
    if not masks:
        return None
    union = masks[0]
    for mask in masks[1:]:
        union = union | mask
    return union.only(*(name for name in union if not name.startswith(FIRST)))


@torch.no_grad()
def initialize_unkept(network: nn.Sequential, kept: Mask | None, seed: int, task: int) -> None:
    """Initialize all weights but the kept ones: Xavier-normal, biases 0, as published.

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


# ------------------------------------------------------------------------------------------------ overlap of masks


def shares(masks: Sequence[Mask], task: int) -> dict[str, float | None]:
    """Of the weight matrices of layers 2, 3, ...: the share of old weights in a task's mask, each and together.

    Old weights are those that the mask of an earlier task keeps. ``old``: their share of all weights, which a mask
    that chose blindly would have. None: there is no earlier task.
    """
    old = used(masks[:task])
    names = _matrices(masks[task])[1:]
    if old is None:
        return dict.fromkeys([*(f"share_{layer}" for layer in range(2, len(names) + 2)), "share", "old"])
    old = old.only(*names)
    share = masks[task].only(*names).share(old)
    columns = {f"share_{layer}": value for layer, value in enumerate(share.layers.values(), 2)}
    columns |= {"share": share.pooled, "old": old.fraction().pooled}
    return {name: None if math.isnan(value) else value for name, value in columns.items()}


def sharing_lines(start: str, masks: Sequence[Mask], tasks: Sequence[int]) -> list[Line]:
    """What these tasks, counted from 1, keep of every layer, and how much of it earlier tasks kept too."""
    kept: list[Line] = []
    shared: list[Line] = []
    for task in tasks:
        mask, old = masks[task - 1], used(masks[: task - 1])
        names = _matrices(mask)
        kept += by_layer("kept", f"{start}, task {task}", _numbered(mask.only(*names).kept(), 1))
        if old is not None:
            share = mask.only(*names[1:]).share(old.only(*names[1:]))
            shared += by_layer("share", f"{start}, task {task}", _numbered(share, 2))
    return kept + shared


def _matrices(mask: Mask) -> list[str]:
    """The weight matrices, first layer first."""
    return [name for name in mask if name.endswith(".weight")]


def _numbered(values: PerLayer, first: int) -> PerLayer:
    """With layers called by their number."""
    layers = {f"layer {i}": value for i, value in enumerate(values.layers.values(), first)}
    return replace(values, layers=layers)
