"""The product of two sums over unknown subsets of the inputs."""

from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from torch import Tensor

from extrapolate.tasks.ranges import RangePair

#: Samples per chunk when a threshold is simulated (limits memory).
CHUNK = 50_000


@dataclass(frozen=True)
class SubsetProduct:
    """The product of two sums over contiguous, overlapping subsets of the inputs (arXiv 2001.05016).

    Example with 8 inputs, ``subset_ratio=0.5``, ``overlap_ratio=0.5`` and ``offset=1``:
    (9, 1, 2, 3, 4, 5, 6, 9) gives (1 + 2 + 3 + 4) × (3 + 4 + 5 + 6) = 180; the nines are irrelevant.
    Published: 100 inputs, ratios 0.25 and 0.5, a random offset for each seed. A model solves the task if its mean
    squared error on the test range is below :meth:`threshold`.

    Args:
        ranges: the training range and the test range.
        in_features: number of inputs.
        subset_ratio: size of each subset / number of inputs.
        overlap_ratio: size of the overlap / size of a subset.
        offset: index of the first input of the first subset.

    Raises:
        ValueError: the subsets do not fit into the inputs.
    """

    ranges: RangePair
    in_features: int = 100
    subset_ratio: float = 0.25
    overlap_ratio: float = 0.5
    offset: int = 0

    def __post_init__(self) -> None:
        if self.size < 1 or not 0 <= self.overlap_ratio <= 1 or self.span > self.in_features:
            raise ValueError(
                f"two subsets of {self.size} inputs with an overlap of {self.overlap} do not fit into "
                f"{self.in_features} inputs: choose smaller ratios"
            )
        if not 0 <= self.offset <= self.in_features - self.span:
            raise ValueError(
                f"offset={self.offset}: choose 0 to {self.in_features - self.span}, so that the subsets fit"
            )

    @property
    def size(self) -> int:
        """Number of inputs in each subset."""
        return int(self.subset_ratio * self.in_features)

    @property
    def overlap(self) -> int:
        """Number of inputs in both subsets."""
        return int(self.overlap_ratio * self.size)

    @property
    def span(self) -> int:
        """Number of inputs in the union of the subsets."""
        return 2 * self.size - self.overlap

    def place_subsets(self, generator: torch.Generator) -> "SubsetProduct":
        """Return a copy of this task with a random offset."""
        start = int(torch.randint(self.in_features - self.span + 1, (), generator=generator))
        return replace(self, offset=start)

    @property
    def subsets(self) -> Tensor:
        """Indicators (0 or 1) of the inputs in each subset, float32 (in_features, 2)."""
        subsets = torch.zeros(self.in_features, 2)
        second = self.offset + self.size - self.overlap
        subsets[self.offset : self.offset + self.size, 0] = 1
        subsets[second : second + self.size, 1] = 1
        return subsets

    @staticmethod
    def answer(x: Tensor, subsets: Tensor) -> Tensor:
        """Return the targets (..., 1) of inputs ``x`` (..., in_features), with ``subsets`` (in_features, 2)."""
        sums = x @ subsets
        return sums[..., :1] * sums[..., 1:]

    def sample(self, batch: int, key: Tensor) -> tuple[Tensor, Tensor]:
        """Sample inputs (batch, in_features) from the training range, and their targets (batch, 1), float32."""
        x = self.ranges.train.sample_keyed((batch, self.in_features), key)
        return x, self.answer(x, self.subsets.to(x.device))

    def splits(self, count: int = 10_000) -> dict[str, tuple[Tensor, Tensor]]:
        """Return inputs (count, in_features) and targets (count, 1), float32: ``validation`` and ``test``.

        ``validation`` is from the training range, ``test`` from the test range.
        """
        self.threshold()  # fill its cache: `solved` may run under vmap, where random numbers are not available
        inputs = {name: x.float() for name, x in self.ranges.sample_fixed((count, self.in_features)).items()}
        return {name: (x, self.answer(x, self.subsets)) for name, x in inputs.items()}

    def solved(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return whether the mean squared error on ``test`` is below :meth:`threshold`, a bool scalar. This is
        the published criterion."""
        return (prediction - target).square().mean() < self.threshold()

    def threshold(self, epsilon: float = 1e-5, count: int = 100_000) -> float:
        """Return the mean squared error on the test range if every weight of both sums is wrong by ε = ``epsilon``.

        The weights are 1 - ε in a subset and ε outside. The error is simulated on ``count`` samples with a separate
        generator (seed 0), so every call returns the same value.
        """
        return _threshold(self, epsilon, count)


@lru_cache(maxsize=64)
def _threshold(task: SubsetProduct, epsilon: float, count: int) -> float:
    generator = torch.Generator().manual_seed(0)
    exact = replace(task, offset=0).subsets.double()
    nearly = exact + epsilon * (1 - 2 * exact)
    total = 0.0
    for done in range(0, count, CHUNK):
        x = task.ranges.test.sample((min(CHUNK, count - done), task.in_features), generator)
        total += float((task.answer(x, nearly) - task.answer(x, exact)).square().sum())
    return total / count
