"""What masks are learned over: a network, how its weights are trained, and the functions it is made to do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl
import torch
from torch import Tensor, nn

from extrapolate import ops
from extrapolate.experiments.modularity.tables import Line
from extrapolate.training import Replicas
from extrapolate.training.train_config import TrainConfig

if TYPE_CHECKING:
    from extrapolate.inspect import Learning, Mask
    from extrapolate.inspect.masks.batched import Loss, MaskedLosses
    from extrapolate.inspect.masks.choice import Choice

#: The mask learned on all functions: it shows what pruning alone costs.
CONTROL = "control"

#: Streams of random numbers of the masks' batches begin here: those of the drawn masks begin at 0 and are few.
BATCHES = 1_000_000

#: Share of right answers above which a network counts as able to do what it is asked.
ABLE = 0.95


@dataclass(frozen=True)
class Stage:
    """A mask that is learned: its name, and the functions that it is to keep.

    ``network``: over which of the subject's networks, as its :meth:`Subject.module` names them.
    """

    name: str
    functions: tuple[str, ...]
    network: str = ""


@dataclass(frozen=True)
class View:
    """A network that is examined under a mask; None: as it was trained."""

    name: str
    model: Callable[..., Tensor]
    mask: Mask | None = None


@dataclass(frozen=True)
class Subject(ABC):
    """The network of one seed, and how it is taken apart. A value that can be handed to other processes.

    Rows of results are the ``views`` of the network times what is ``asked`` of each.
    """

    seed: int

    @property
    def name(self) -> str:
        """Safe as a file name, unique in the experiment."""
        return f"seed-{self.seed}"

    @abstractmethod
    def about(self) -> dict[str, Any]:
        """What a reader needs to rebuild the network from its weights; JSON values."""

    @abstractmethod
    def build(self) -> nn.Module: ...

    @abstractmethod
    def plan(self, replicas: Replicas) -> TrainConfig:
        """How the weights are trained."""

    @property
    @abstractmethod
    def mask_steps(self) -> int:
        """Steps of each mask."""

    @abstractmethod
    def learning(self) -> Learning:
        """How masks are learned."""

    @property
    @abstractmethod
    def rounds(self) -> tuple[tuple[Stage, ...], ...]:
        """The masks, those of a round side by side; a round may build on the masks of those before."""

    @abstractmethod
    def drawn(self, u: Tensor, functions: tuple[str, ...]) -> tuple[Tensor, ...]:
        """A batch of these functions, from uniform numbers ``u`` (3, B) in [0, 1)."""

    @abstractmethod
    def loss(self, model: Callable[..., Tensor], *batch: Tensor) -> Tensor:
        """The mean loss over a batch."""

    @abstractmethod
    def asked(self, model: Callable[..., Tensor]) -> Iterator[dict[str, Any]]:
        """What a network is asked, a row each: ``operation``, ``range``, ``accuracy``, and what else is measured."""

    @property
    @abstractmethod
    def batch(self) -> int:
        """Examples in a batch of a mask's step."""

    def choose(self, stage: Stage) -> Choice:
        """Which tensors are masked."""
        from extrapolate.inspect import weights

        return weights

    def losses(self) -> Callable[[nn.Module, Loss], MaskedLosses]:
        """What computes the losses of a batch under all drawn masks."""
        from extrapolate.inspect.masks.batched import MaskedLosses

        return MaskedLosses

    def module(self, stage: Stage, network: nn.Module, masks: Mapping[str, Mask]) -> nn.Module:
        """The module that this mask is learned over; ``masks``: those of the rounds before."""
        return network

    def completed(self, stage: Stage, mask: Mask, masks: Mapping[str, Mask]) -> Mask:
        """What was learned, with the tensors that were not."""
        return mask

    def batch_of(self, stage: Stage, place: int, step: int, device: torch.device) -> tuple[Tensor, ...]:
        """The batch of a mask's step; ``place`` tells the stages of a subject apart."""
        key = torch.tensor([self.seed, BATCHES + place, step], device=device)
        return self.drawn(ops.uniform(key, (3, self.batch)), stage.functions)

    def views(self, network: nn.Module, masks: Mapping[str, Mask]) -> Iterator[View]:
        """The network as it was trained, under each mask, and without the weights of each."""
        yield View("unmasked", network)
        yield from under(network, masks)
        yield from under(network, {f"¬{name}": ~mask for name, mask in masks.items()})

    def further(self, masks: Mapping[str, Mask]) -> dict[str, Any]:
        """Columns of every row, measured on the masks."""
        return {}

    def page_tables(self, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
        """Further tables for the page, by name, from the results."""
        return {}

    def lines(self, masks: Mapping[str, Mask]) -> list[Line]:
        """What else the page shows of the masks."""
        return []

    def compared(self) -> list[tuple[str, str]]:
        """Pairs of masks, by name, whose overlap the page shows."""
        return []


def under(network: nn.Module, masks: Mapping[str, Mask]) -> Iterator[View]:
    """The network under each of these masks."""
    for name, mask in masks.items():
        yield View(name, mask.applied(network), mask)
