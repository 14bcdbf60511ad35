"""Arithmetic on two numbers: the operations and the Single Module Task."""

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
    """Return Π(1 - ε|x_i|) over the irrelevant inputs: their factor if each weight is ε instead of 0."""
    return (1 - epsilon * x[..., 2:].abs()).prod(-1, keepdim=True)


def _nearly_sum(x: Tensor, target: Tensor, epsilon: float) -> Tensor:
    return target - epsilon * x.abs().sum(-1, keepdim=True)


def _nearly_product(x: Tensor, target: Tensor, epsilon: float) -> Tensor:
    return (1 - epsilon) ** 2 * target * _irrelevant_factor(x, epsilon)


def _nearly_quotient(x: Tensor, target: Tensor, epsilon: float) -> Tensor:
    return (1 - epsilon) / (1 + epsilon) * target * _irrelevant_factor(x, epsilon)


@dataclass(frozen=True)
class Operation:
    """An arithmetic operation on the first two inputs; the other inputs are irrelevant.

    ``nearly(x, target, ε)`` is the output of a unit whose weights all differ by ε from the exact ones.
    """

    name: str
    symbol: str
    apply: Callable[[Tensor, Tensor], Tensor]
    nearly: Callable[[Tensor, Tensor, float], Tensor]

    def __call__(self, x: Tensor) -> Tensor:
        """Apply the operation to inputs (..., I), I ≥ 2; return (..., 1)."""
        return self.apply(*_relevant(x))


#: The four operations by name: add, sub, mul, div.
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
    """The Single Module Task: one operation, trained on one range and tested on a wider one (arXiv 2001.05016).

    Two examples of × on U[1,2]/U[2,6]: (1.5, 1.2) gives 1.8 in training; (3.0, 5.0) gives 15.0 in the test.
    A model solves the task if its mean squared error on the test range is below :meth:`threshold`.
    """

    op: Operation
    ranges: RangePair
    in_features: int = 2

    def __post_init__(self) -> None:
        if self.in_features < 2:
            raise ValueError(f"in_features must be at least 2 (the two operands), got {self.in_features}")

    def sample(self, batch: int, key: Tensor) -> tuple[Tensor, Tensor]:
        """Sample inputs (batch, I) from the training range, and their targets (batch, 1), float32."""
        # the ends are float32, as in a training on several ranges at once
        low, high = torch.tensor(self.ranges.train.intervals[0], device=key.device)
        return self.sample_between(low, high, batch, key)

    def sample_between(self, low: Tensor, high: Tensor, batch: int, key: Tensor) -> tuple[Tensor, Tensor]:
        """Like :meth:`sample`, for the range [low, high); under ``vmap`` each replica may have a different range."""
        # the batch axis is contiguous, so that a fused step vectorises over it
        x = spread(ops.uniform(key, (self.in_features, batch)).movedim(0, -1), low, high)
        return x, self.op(x)

    def splits(self, count: int = 10_000) -> dict[str, tuple[Tensor, Tensor]]:
        """Return inputs (count, I) and targets (count, 1), float32: ``validation`` and ``test``.

        ``validation`` is from the training range, ``test`` from the test range.
        """
        self.threshold()  # fill its cache: `solved` may run under vmap, where random numbers are not available
        inputs = {name: x.float() for name, x in self.ranges.sample_fixed((count, self.in_features)).items()}
        return {name: (x, self.op(x)) for name, x in inputs.items()}

    def solved(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return whether the mean squared error on ``test`` is below :meth:`threshold`, a bool scalar. This is
        the published criterion."""
        return (prediction - target).square().mean() < self.threshold()

    def threshold(self, epsilon: float = 1e-5, count: int = 1_000_000) -> float:
        """Return the mean squared error on the test range of a unit whose weights are all wrong by ε = ``epsilon``.

        The error is simulated on ``count`` samples with a separate generator (seed 0), so every call returns the
        same value.
        """
        return _threshold(self, epsilon, count)


@lru_cache(maxsize=256)
def _threshold(task: SingleModule, epsilon: float, count: int) -> float:
    x = task.ranges.test.sample((count, task.in_features), torch.Generator().manual_seed(0))
    target = task.op(x)
    return float((task.op.nearly(x, target, epsilon) - target).square().mean())
