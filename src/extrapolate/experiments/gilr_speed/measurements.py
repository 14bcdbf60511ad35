"""What is timed: a list of comparisons, and how one is carried out."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import nn as torch_nn

from extrapolate.experiments.gilr_speed.models import FEATURES, LAYERS, loop, lstm, with_loop
from extrapolate.experiments.gilr_speed.settings import SpeedSettings
from extrapolate.ops import linear_recurrence

#: The bare recurrence, as it is named in the results.
BARE = "recurrence of"

Work = Callable[[], object]


@dataclass(frozen=True)
class Comparison:
    """One line of a table: ``sides`` made when they are timed, ours first."""

    unit: str
    operation: str
    length: int
    batch: int
    sides: Callable[[], dict[str, Work]]

    def times(self, repeats: int) -> dict[str, list[float]]:
        """Seconds of each side, the sides taking turns; a first turn, for compilers and caches, is left out."""
        sides = self.sides()
        for work in sides.values():
            work()
        found: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(repeats):
            for name, work in sides.items():
                began = time.perf_counter()
                work()
                found[name].append(time.perf_counter() - began)
        return found


def comparisons(settings: SpeedSettings) -> list[Comparison]:
    return [*_bare(settings), *_layers(settings)]


def _bare(settings: SpeedSettings) -> Iterator[Comparison]:
    """Table 1: one sequence, forward."""
    for length in settings.lengths:
        for width in settings.features:

            def sides(shape: tuple[int, int, int] = (1, length, width)) -> dict[str, Work]:
                a, b, h0 = torch.rand(shape), torch.rand(shape), torch.zeros(1, shape[2])
                a, b, h0 = (each.to(settings.device) for each in (a, b, h0))
                return {
                    "ours": _settled(settings, lambda: linear_recurrence(a, b, h0)),
                    "loop": _settled(settings, lambda: loop(a, b, h0, False)),
                }

            yield Comparison(f"{BARE} {width}", "forward", length, 1, sides)


def _layers(settings: SpeedSettings) -> Iterator[Comparison]:
    """Table 2: a training step at a constant number of elements; beside it an LSTM of the same sizes."""
    for length in settings.lengths:
        batch = max(1, settings.elements // length)
        for name in settings.layers:

            def sides(
                shape: tuple[int, int, int] = (batch, length, FEATURES), name: str = name
            ) -> dict[str, Work]:
                x = torch.randn(shape, device=settings.device)
                kinds = {
                    "ours": LAYERS[name](settings.hidden),
                    "loop": with_loop(LAYERS[name](settings.hidden)),
                    "lstm": lstm(settings.hidden),
                }
                return {side: _step(settings, layers, x) for side, layers in kinds.items()}

            yield Comparison(name, "training step", length, batch, sides)


def _step(settings: SpeedSettings, layers: torch_nn.Module, x: torch.Tensor) -> Work:
    layers = layers.to(settings.device)

    def work() -> None:
        layers.zero_grad()
        layers(x)[0].sum().backward()

    return _settled(settings, work)


def _settled(settings: SpeedSettings, work: Work) -> Work:
    """A GPU is waited for, so that its time is counted."""
    if settings.device == "cpu":
        return work

    def waited() -> None:
        work()
        torch.cuda.synchronize()

    return waited
