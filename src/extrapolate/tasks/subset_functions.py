"""Functions of two sums over parts of many numbers: a + b, a − b, a × b, a ÷ b, a², √a (Trask et al. 2018)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from torch import Tensor

from extrapolate.tasks.arithmetic import OPERATIONS
from extrapolate.tasks.ranges import Range, RangePair
from extrapolate.tasks.subset_product import SubsetProduct

#: Numbers of a simulated threshold that are held in memory at once.
CHUNK = 2_000_000


@dataclass(frozen=True)
class SumFunction:
    """A function of the sums a and b; ``formula`` is how a reader knows it."""

    name: str
    formula: str
    apply: Callable[[Tensor, Tensor], Tensor]

    def __call__(self, sums: Tensor) -> Tensor:
        """Sums (..., 2) to (..., 1)."""
        return self.apply(sums[..., :1], sums[..., 1:])


def _square(a: Tensor, b: Tensor) -> Tensor:
    return a * a


def _root(a: Tensor, b: Tensor) -> Tensor:
    return a.sqrt()


SUM_FUNCTIONS: dict[str, SumFunction] = {
    each.name: each
    for each in (
        *(SumFunction(name, f"a {known.symbol} b", known.apply) for name, known in OPERATIONS.items()),
        SumFunction("square", "a²", _square),
        SumFunction("root", "√a", _root),
    )
}


@dataclass(frozen=True)
class Sequences:
    """Inputs that come in ``length`` steps of numbers from ``range``; a single step is a plain vector."""

    interval: Range
    length: int = 1

    def sample(self, count: int, in_features: int, generator: torch.Generator) -> Tensor:
        """float64 (length, count, in_features), the steps first."""
        return self.interval.sample((self.length, count, in_features), generator)

    def sample_keyed(self, count: int, in_features: int, key: Tensor) -> Tensor:
        """float32 (length, count, in_features), a function of ``key`` (see :func:`ops.uniform`)."""
        return self.interval.sample_keyed((self.length, count, in_features), key)


@dataclass(frozen=True)
class SubsetFunction:
    """y = f(a, b), a and b the sums over all steps of two runs of neighbours that overlap by half.

    Of 8 numbers and a quarter of them in each run, from the second on: (9, 1, 2, 3, 9, 9, 9, 9) has a = 1 + 2 and
    b = 2 + 3, so a × b is 15 and a² is 9. In a sequence of two such steps a = 6 and b = 10. It is solved when the
    squared error on ``test`` is below :meth:`threshold`. Source: Trask et al. 2018, with the runs of Madsen &
    Johansen 2020.

    Args:
        offset: the input that the first run begins with.
    """

    function: SumFunction
    train: Sequences
    test: Sequences
    in_features: int = 100
    offset: int = 0

    @property
    def sums(self) -> SubsetProduct:
        """Which parts there are to sum over."""
        ranges = RangePair(self.train.interval, self.test.interval)
        return SubsetProduct(ranges, self.in_features, offset=self.offset)

    def place_subsets(self, generator: torch.Generator) -> "SubsetFunction":
        """This task with its runs at a random place."""
        return replace(self, offset=self.sums.place_subsets(generator).offset)

    @property
    def subsets(self) -> Tensor:
        """Which input is in which sum: 0 and 1, float32 (in_features, 2)."""
        return self.sums.subsets

    def answer(self, x: Tensor, subsets: Tensor) -> Tensor:
        """x (T, ..., in_features), subsets (in_features, 2), to (..., 1)."""
        return self.function(x.sum(0) @ subsets)

    def sample(self, batch: int, key: Tensor) -> tuple[Tensor, Tensor]:
        """float32 inputs (batch, T, in_features) from ``train``, and their answers (batch, 1)."""
        x = self.train.sample_keyed(batch, self.in_features, key)
        return x.movedim(0, 1), self.answer(x, self.subsets.to(x.device))

    def splits(self, count: int = 100) -> dict[str, tuple[Tensor, Tensor]]:
        """``count`` float32 inputs (count, T, in_features) of either kind, and their answers (count, 1)."""
        self.threshold()  # simulated here: vmap, under which solved may be called, allows no random numbers
        inputs = {name: x.float() for name, x in self.sample_fixed(count).items()}
        return {name: (x.movedim(0, 1), self.answer(x, self.subsets)) for name, x in inputs.items()}

    def sample_fixed(self, count: int) -> dict[str, Tensor]:
        """float64 inputs (T, count, in_features) by split, ``validation`` and ``test``; the same at every call."""
        return {
            name: each.sample(count, self.in_features, torch.Generator().manual_seed(seed))
            for name, each, seed in (("validation", self.train, 1), ("test", self.test, 2))
        }

    def solved(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Whether the mean squared error on the split ``test`` is below :meth:`threshold`, a scalar (published)."""
        return (prediction - target).square().mean() < self.threshold()

    def threshold(self, epsilon: float = 1e-5, count: int = 5_000) -> float:
        """The mean squared error on ``test`` of f over sums whose weights are all ε off.

        1 - ε in a run, ε outside. Simulated on ``count`` samples with a generator of its own (seed 0): the same
        at every call.
        """
        return _threshold(self, epsilon, count)


@lru_cache(maxsize=64)
def _threshold(task: SubsetFunction, epsilon: float, count: int) -> float:
    generator = torch.Generator().manual_seed(0)
    exact = task.place_subsets(generator).subsets.double()
    nearly = exact + epsilon * (1 - 2 * exact)
    chunk = max(1, CHUNK // (task.test.length * task.in_features))
    total = 0.0
    for done in range(0, count, chunk):
        x = task.test.sample(min(chunk, count - done), task.in_features, generator)
        total += float((task.answer(x, nearly) - task.answer(x, exact)).square().sum())
    return total / count
