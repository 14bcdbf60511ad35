"""Arithmetic on a few numbers: the operations and the Single Module Task."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from extrapolate import ops
from extrapolate.tasks.ranges import RangePair, spread


def _relevant(x: Tensor) -> tuple[Tensor, Tensor]:
    return x[..., 0:1], x[..., 1:2]


def _irrelevant_factor(x: Tensor, epsilon: float) -> Tensor:
    """What the unwanted inputs multiply in when each of their weights is ε instead of 0: Π(1 - ε|x_i|)."""
    return (1 - epsilon * x[..., 2:].abs()).prod(-1, keepdim=True)


def _nearly_sum(x: Tensor, target: Tensor, epsilon: float) -> Tensor:
    return target - epsilon * x.abs().sum(-1, keepdim=True)


def _nearly_product(x: Tensor, target: Tensor, epsilon: float) -> Tensor:
    return (1 - epsilon) ** 2 * target * _irrelevant_factor(x, epsilon)


def _nearly_quotient(x: Tensor, target: Tensor, epsilon: float) -> Tensor:
    return (1 - epsilon) / (1 + epsilon) * target * _irrelevant_factor(x, epsilon)


@dataclass(frozen=True)
class Operation:
    """One of the four operations on the first two inputs; the others are to be ignored.

    ``nearly(x, target, ε)`` is the answer of a unit all of whose weights are ε off their exact values.
    """

    name: str
    symbol: str
    apply: Callable[[Tensor, Tensor], Tensor]
    nearly: Callable[[Tensor, Tensor, float], Tensor]

    def __call__(self, x: Tensor) -> Tensor:
        """x (..., I), I ≥ 2, to (..., 1)."""
        return self.apply(*_relevant(x))


OPERATIONS: dict[str, Operation] = {
    operation.name: operation
    for operation in (
        Operation("add", "+", torch.add, _nearly_sum),
        Operation("sub", "−", torch.sub, _nearly_sum),
        Operation("mul", "×", torch.mul, _nearly_product),
        Operation("div", "÷", torch.div, _nearly_quotient),
    )
}


@dataclass(frozen=True)
class SingleModule:
    """One operation by one unit, trained on one range and tested on a wider one (arXiv 2001.05016).

    Two examples for × on U[1,2]/U[2,6]: while training (1.5, 1.2) gives 1.8; when tested (3.0, 5.0)
    gives 15.0. It is solved when the squared error on the wider range is below :meth:`threshold`.
    """

    op: Operation
    ranges: RangePair
    in_features: int = 2

    def __post_init__(self) -> None:
        if self.in_features < 2:
            raise ValueError(f"in_features must be at least 2 (the two operands), got {self.in_features}")

    def sample(self, batch: int, key: Tensor) -> tuple[Tensor, Tensor]:
        """float32 inputs (batch, I) from the training range, and their answers (batch, 1)."""
        # the ends as numbers of float32, as trainings of many ranges at once have them
        low, high = torch.tensor(self.ranges.train.intervals[0], device=key.device)
        return self.sample_between(low, high, batch, key)

    def sample_between(self, low: Tensor, high: Tensor, batch: int, key: Tensor) -> tuple[Tensor, Tensor]:
        """As :meth:`sample`, from the range of these scalars: under ``vmap`` each replica may have its own."""
        # drawn with the batch contiguous, which lets a fused step vectorise over it
        x = spread(ops.uniform(key, (self.in_features, batch)).movedim(0, -1), low, high)
        return x, self.op(x)

    def splits(self, count: int = 10_000) -> dict[str, tuple[Tensor, Tensor]]:
        """``count`` float32 inputs (count, I) from either range, and their answers (count, 1)."""
        self.threshold()  # simulated here: vmap, under which solved may be called, allows no random numbers
        inputs = {name: x.float() for name, x in self.ranges.sample_fixed((count, self.in_features)).items()}
        return {name: (x, self.op(x)) for name, x in inputs.items()}

    def solved(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Whether the mean squared error on the split ``test`` is below :meth:`threshold`, a scalar (published)."""
        return (prediction - target).square().mean() < self.threshold()

    def threshold(self, epsilon: float = 1e-5, count: int = 1_000_000) -> float:
        """The mean squared error on the extrapolation range of a unit whose weights are all ε off.

        Simulated on ``count`` samples with a generator of its own (seed 0): the same at every call.
        """
        return _threshold(self, epsilon, count)


@lru_cache(maxsize=256)
def _threshold(task: SingleModule, epsilon: float, count: int) -> float:
    x = task.ranges.test.sample((count, task.in_features), torch.Generator().manual_seed(0))
    target = task.op(x)
    return float((task.op.nearly(x, target, epsilon) - target).square().mean())
