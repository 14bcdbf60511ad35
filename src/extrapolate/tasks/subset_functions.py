"""Functions of two sums over subsets of the inputs: a + b, a − b, a × b, a ÷ b, a², √a (Trask et al. 2018)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from torch import Tensor

from extrapolate.tasks.arithmetic import OPERATIONS
from extrapolate.tasks.ranges import Range, RangePair
from extrapolate.tasks.subset_product import SubsetProduct

#: Inputs per chunk when a threshold is simulated (limits memory).
CHUNK = 2_000_000


@dataclass(frozen=True)
class SumFunction:
    """A function of the sums a and b; ``formula`` is its form in texts, such as ``a × b``."""

    name: str
    formula: str
    apply: Callable[[Tensor, Tensor], Tensor]

    def __call__(self, sums: Tensor) -> Tensor:
        """Apply the function to sums (..., 2); return (..., 1)."""
        return self.apply(sums[..., :1], sums[..., 1:])


def _square(a: Tensor, b: Tensor) -> Tensor:
    return a * a


def _root(a: Tensor, b: Tensor) -> Tensor:
    return a.sqrt()


#: The functions of two sums a and b of :class:`SubsetFunction`, by name.
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
    """Sequences of ``length`` input vectors with numbers from ``interval``; length 1 is the static case."""

    interval: Range
    length: int = 1

    def sample(self, count: int, in_features: int, generator: torch.Generator) -> Tensor:
        """Sample float64 inputs (length, count, in_features)."""
        return self.interval.sample((self.length, count, in_features), generator)

    def sample_keyed(self, count: int, in_features: int, key: Tensor) -> Tensor:
        """Sample float32 inputs (length, count, in_features) from ``key`` (see :func:`ops.uniform`)."""
        return self.interval.sample_keyed((self.length, count, in_features), key)


@dataclass(frozen=True)
class SubsetFunction:
    """Compute y = f(a, b), where a and b are sums over two contiguous subsets of the inputs and over all steps.

    The subsets overlap by half. Example with 8 inputs, a quarter of them in each subset, and ``offset=1``:
    (9, 1, 2, 3, 9, 9, 9, 9) has a = 1 + 2 and b = 2 + 3, so a × b is 15 and a² is 9. A sequence of two such steps has
    a = 6 and b = 10. A model solves the task if its mean squared error on ``test`` is below :meth:`threshold`.
    Source: Trask et al. 2018, with the subsets of Madsen & Johansen 2020.

    Args:
        function: f.
        train: the training inputs.
        test: the test inputs.
        in_features: inputs per step.
        offset: index of the first input of the first subset.
    """

    function: SumFunction
    train: Sequences
    test: Sequences
    in_features: int = 100
    offset: int = 0

    @property
    def sums(self) -> SubsetProduct:
        """The inner task that computes the sums a and b; it stores the positions of the subsets."""
        ranges = RangePair(self.train.interval, self.test.interval)
        return SubsetProduct(ranges, self.in_features, offset=self.offset)

    def place_subsets(self, generator: torch.Generator) -> "SubsetFunction":
        """Return a copy of this task with a random offset."""
        return replace(self, offset=self.sums.place_subsets(generator).offset)

    @property
    def subsets(self) -> Tensor:
        """Indicators (0 or 1) of the inputs in each sum, float32 (in_features, 2)."""
        return self.sums.subsets

    def answer(self, x: Tensor, subsets: Tensor) -> Tensor:
        """Return the targets (..., 1) of inputs ``x`` (T, ..., in_features), with ``subsets`` (in_features, 2)."""
        return self.function(x.sum(0) @ subsets)

    def sample(self, batch: int, key: Tensor) -> tuple[Tensor, Tensor]:
        """Sample inputs (batch, T, in_features) from ``train``, and their targets (batch, 1), float32."""
        x = self.train.sample_keyed(batch, self.in_features, key)
        return x.movedim(0, 1), self.answer(x, self.subsets.to(x.device))

    def splits(self, count: int = 100) -> dict[str, tuple[Tensor, Tensor]]:
        """Return inputs (count, T, in_features) and targets (count, 1), float32: ``validation`` and ``test``.

        ``validation`` is sampled from ``train``.
        """
        self.threshold()  # fill its cache: `solved` may run under vmap, where random numbers are not available
        inputs = {name: x.float() for name, x in self.sample_fixed(count).items()}
        return {name: (x.movedim(0, 1), self.answer(x, self.subsets)) for name, x in inputs.items()}

    def sample_fixed(self, count: int) -> dict[str, Tensor]:
        """Return float64 inputs (T, count, in_features) of ``validation`` and ``test``; every call is the same."""
        return {
            name: each.sample(count, self.in_features, torch.Generator().manual_seed(seed))
            for name, each, seed in (("validation", self.train, 1), ("test", self.test, 2))
        }

    def solved(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return whether the mean squared error on ``test`` is below :meth:`threshold`, a bool scalar. This is
        the published criterion."""
        return (prediction - target).square().mean() < self.threshold()

    def threshold(self, epsilon: float = 1e-5, count: int = 5_000) -> float:
        """Return the mean squared error of f on ``test`` if every weight of both sums is wrong by ε = ``epsilon``.

        The weights are 1 - ε in a subset and ε outside. The error is simulated on ``count`` samples with a separate
        generator (seed 0), so every call returns the same value.
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
