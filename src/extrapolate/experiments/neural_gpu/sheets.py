"""Sheets of questions for a network: each a number of sequences of one length, judged whole, every place of them."""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from extrapolate.nn import DiagonalNeuralGPU
from extrapolate.tasks import Examples
from extrapolate.training.checkpoint import Checkpoint, read, write
from extrapolate.training.watch import Interrupted, Watch

#: Places that are computed at once: their states stay in the caches.
PLACES = 1 << 13

#: The seed of all sheets; no training has it.
SHEETS = 2**31


@dataclass(frozen=True)
class Sheet:
    """``count`` sequences of ``length`` places, made by ``make(generator)``; the same ones for every network.

    ``if_exact``: only for networks without an error on all sheets before, since it takes long. ``typical``: of
    sequences as any, so that a network which fails most of them has nothing to say on longer ones.
    """

    name: str
    length: int
    count: int
    make: Callable[[torch.Generator], Examples]
    if_exact: bool = False
    typical: bool = False

    @property
    def pieces(self) -> int:
        return -(-self.count // self._at_once)

    @property
    def _at_once(self) -> int:
        return max(1, PLACES // self.length)

    def cut(self) -> list[Examples]:
        """The questions in ``pieces`` parts."""
        all_of = self.make(torch.Generator().manual_seed(SHEETS + zlib.crc32(self.name.encode())))
        symbols, answers = (each.split(self._at_once) for each in (all_of.symbols, all_of.answer))
        return [Examples(*pair) for pair in zip(symbols, answers, strict=True)]


@torch.no_grad()
def errors(model: nn.Module, examples: Examples) -> int:
    """How many sequences are wrong in any place, padding included; the network takes its default steps."""
    device = next(model.parameters()).device
    logits = model(examples.symbols.to(device), span=examples.span.to(device))
    return int(examples.wrong(logits.cpu()).sum())


def shares(model: DiagonalNeuralGPU, sheets: Sequence[Sheet]) -> list[float]:
    """The share of wrong sequences on each sheet; after a typical one with most of them wrong all count as wrong."""
    found: list[float] = []
    hopeless = False
    for sheet in sheets:
        share = 1.0 if hopeless else sum(errors(model, piece) for piece in sheet.cut()) / sheet.count
        hopeless = hopeless or (sheet.typical and share > 0.5)
        found.append(share)
    return found


def rank(wrong: Mapping[str, int | None]) -> tuple[int, int]:
    """Less is better, of networks that are given sheets as long as they make no error: by the sheets, then errors."""
    given = [count for count in wrong.values() if count is not None]
    return -len(given), sum(given)


def examine(
    models: Sequence[nn.Module], sheets: Sequence[Sheet], checkpoint: Path, watch: Watch
) -> tuple[dict[str, int | None], ...]:
    """For each network, how many sequences of each sheet are wrong; None where the sheet was not given out.

    What is done is kept in ``checkpoint``, piece by piece, and not done again.

    Raises:
        Interrupted: ``watch`` asked to stop.
    """
    done: list[dict[str, list[int]]] = [{} for _ in models]
    if checkpoint.exists():
        done = read(checkpoint).about["errors"]
    for model, own in zip(models, done, strict=True):
        for sheet in sheets:
            if sheet.if_exact and any(map(sum, own.values())):
                continue
            found = own.setdefault(sheet.name, [])
            for examples in sheet.cut()[len(found) :] if len(found) < sheet.pieces else []:
                if watch.stop_requested():
                    raise Interrupted(f"stopped at sheet {sheet.name}")
                found.append(errors(model, examples))
                write(checkpoint, Checkpoint({"models": torch.tensor(len(done))}, {"errors": done}))
                watch.progress(sum(len(each) for all_of in done for each in all_of.values()), None)
    return tuple({s.name: sum(own[s.name]) if s.name in own else None for s in sheets} for own in done)
