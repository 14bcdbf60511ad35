"""The product of two sums over parts of many numbers: which inputs matter has to be found out too."""

from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from torch import Tensor

from extrapolate.tasks.ranges import RangePair

#: Samples of a simulated threshold that are held in memory at once.
CHUNK = 50_000


@dataclass(frozen=True)
class SubsetProduct:
    """y = (Σ of one subset) × (Σ of another), each a run of neighbours; the two overlap (arXiv 2001.05016).

    Of 8 numbers, with subsets of half of them that overlap by half and begin at the second number:
    (9, 1, 2, 3, 4, 5, 6, 9) gives (1 + 2 + 3 + 4) × (3 + 4 + 5 + 6) = 180; the nines don't matter. Published:
    100 numbers, subsets of a quarter that overlap by half, at a random place for each seed. It is solved when the
    squared error on the wider range is below :meth:`threshold`.

    Args:
        offset: the input that the first subset begins with.

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
                f"two subsets of {self.size} overlapping by {self.overlap} do not fit into {self.in_features} inputs"
            )
        if not 0 <= self.offset <= self.in_features - self.span:
            raise ValueError(
                f"offset={self.offset}: choose 0 to {self.in_features - self.span}, for the subsets to fit in"
            )

    @property
    def size(self) -> int:
        """Numbers in each subset."""
        return int(self.subset_ratio * self.in_features)

    @property
    def overlap(self) -> int:
        """Numbers in both."""
        return int(self.overlap_ratio * self.size)

    @property
    def span(self) -> int:
        """Numbers from the first of the one to the last of the other."""
        return 2 * self.size - self.overlap

    def place_subsets(self, generator: torch.Generator) -> "SubsetProduct":
        """This task with its subsets at a random place."""
        start = int(torch.randint(self.in_features - self.span + 1, (), generator=generator))
        return replace(self, offset=start)

    @property
    def subsets(self) -> Tensor:
        """Which input is in which subset: 0 and 1, float32 (in_features, 2)."""
        subsets = torch.zeros(self.in_features, 2)
        second = self.offset + self.size - self.overlap
        subsets[self.offset : self.offset + self.size, 0] = 1
        subsets[second : second + self.size, 1] = 1
        return subsets

    @staticmethod
    def answer(x: Tensor, subsets: Tensor) -> Tensor:
        """x (..., in_features), subsets (in_features, 2), to (..., 1)."""
        sums = x @ subsets
        return sums[..., :1] * sums[..., 1:]

    def sample(self, batch: int, key: Tensor) -> tuple[Tensor, Tensor]:
        """float32 inputs (batch, in_features) from the training range, and their answers (batch, 1)."""
        x = self.ranges.train.sample_keyed((batch, self.in_features), key)
        return x, self.answer(x, self.subsets.to(x.device))

    def splits(self, count: int = 10_000) -> dict[str, tuple[Tensor, Tensor]]:
        """``count`` float32 inputs (count, in_features) from either range, and their answers (count, 1)."""
        self.threshold()  # simulated here: vmap, under which solved may be called, allows no random numbers
        inputs = {name: x.float() for name, x in self.ranges.sample_fixed((count, self.in_features)).items()}
        return {name: (x, self.answer(x, self.subsets)) for name, x in inputs.items()}

    def solved(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Whether the mean squared error on the split ``test`` is below :meth:`threshold`, a scalar (published)."""
        return (prediction - target).square().mean() < self.threshold()

    def threshold(self, epsilon: float = 1e-5, count: int = 100_000) -> float:
        """The mean squared error on the extrapolation range of sums whose weights are all ε off, multiplied.

        1 - ε in a subset, ε outside. Simulated on ``count`` samples with a generator of its own (seed 0): the
        same at every call.
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
