"""Test sets of sequences: a sequence counts as wrong if the network gets any position of it wrong."""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn

from extrapolate._runtime.progress import Interrupted, Watch
from extrapolate.tasks import Examples
from extrapolate.training.checkpoint import Checkpoint, read, write

#: Positions that are computed at once: their states stay in the caches.
POSITIONS = 1 << 13

#: Added to the seeds of all test sets; no training uses such seeds.
FIRST_SEED = 2**31


@dataclass(frozen=True)
class TestSet:
    """``count`` sequences of ``length`` positions, made by ``make(generator)``; the same for every network.

    Args:
        if_exact: test only networks without an error on all sets before, since this one takes long.
        typical: the sequences are random. A network that fails most of them is not tested on longer ones during
            training.
    """

    name: str
    length: int
    count: int
    make: Callable[[torch.Generator], Examples]
    if_exact: bool = False
    typical: bool = False

    @property
    def num_batches(self) -> int:
        return -(-self.count // self._batch_size)

    @property
    def _batch_size(self) -> int:
        return max(1, POSITIONS // self.length)

    def batches(self) -> list[Examples]:
        """The sequences in ``num_batches`` parts."""
        generator = torch.Generator().manual_seed(FIRST_SEED + zlib.crc32(self.name.encode()))
        symbols, answers = (each.split(self._batch_size) for each in self.make(generator))
        return [Examples(*pair) for pair in zip(symbols, answers, strict=True)]


@dataclass(frozen=True)
class TestSuite:
    """What networks are tested on.

    Args:
        checks: at every evaluation of the training.
        tests: after the training.
        trials: after the training, with each way of rounding states, to choose the one for ``tests``.
    """

    checks: Sequence[TestSet]
    tests: Sequence[TestSet]
    trials: Sequence[TestSet] = field(default_factory=tuple)


@torch.no_grad()
def count_errors(model: nn.Module, examples: Examples) -> int:
    """How many sequences have a wrong position, padding included; the network takes its default steps."""
    device = next(model.parameters()).device
    logits = model(examples.symbols.to(device), span=examples.span.to(device))
    return int(examples.wrong(logits.cpu()).sum())


def error_rates(model: nn.Module, test_sets: Sequence[TestSet]) -> list[float]:
    """The share of wrong sequences of each set; 1 for all sets after a typical one with a share above a half."""
    rates: list[float] = []
    hopeless = False
    for each in test_sets:
        rate = 1.0 if hopeless else sum(count_errors(model, batch) for batch in each.batches()) / each.count
        hopeless = hopeless or (each.typical and rate > 0.5)
        rates.append(rate)
    return rates


def rank(wrong: Mapping[str, int | None]) -> tuple[int, int]:
    """Sort key of networks, lower is better: the number of sets they were tested on, negated; then their errors."""
    counts = [count for count in wrong.values() if count is not None]
    return -len(counts), sum(counts)


def run_tests(
    models: Sequence[nn.Module], test_sets: Sequence[TestSet], checkpoint: Path, watch: Watch
) -> list[dict[str, int | None]]:
    """For each network the number of wrong sequences by test set; None where it was not tested on it.

    Finished batches are kept in ``checkpoint`` and not repeated.

    Raises:
        Interrupted: ``watch`` asked to stop.
    """
    done: list[dict[str, list[int]]] = [{} for _ in models]
    if checkpoint.exists():
        done = read(checkpoint).about["errors"]
    for model, own in zip(models, done, strict=True):
        for each in test_sets:
            if each.if_exact and any(map(sum, own.values())):
                continue
            found = own.setdefault(each.name, [])
            for batch in each.batches()[len(found) :] if len(found) < each.num_batches else []:
                if watch.stop_requested():
                    raise Interrupted(f"stopped in the test set {each.name}")
                found.append(count_errors(model, batch))
                write(checkpoint, Checkpoint({"models": torch.tensor(len(done))}, {"errors": done}))
                watch.progress(sum(len(counts) for every in done for counts in every.values()), None)
    return [
        {each.name: sum(own[each.name]) if each.name in own else None for each in test_sets} for own in done
    ]
