"""Replicas that are stuck start anew."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Restart:
    """Gives a replica whose loss has not fallen the weights of a fresh module; its optimizer state stays.

    Stuck: ``after`` steps or more since its last start, the mean loss of the second half of them is above
    ``above`` and no more than its standard deviation below the mean of the first half. Source: Schlör, Ring &
    Hotho 2020 (iNALU), who test every ten steps; the loop tests at evaluations.
    """

    build: Callable[[], nn.Module]
    after: int = 5_000
    above: float = 1.0

    def stuck(self, steps: Tensor, mean: Tensor, square: Tensor, started: Tensor) -> Tensor:
        """Which replicas are stuck, bool (R,).

        Args:
            steps: the evaluated steps (E).
            mean, square: (E, R), the mean of the loss and of its square since the evaluation before.
            started: (R,), the step of each replica's last start.
        """
        now, ends = steps[-1], steps[:, None]
        since = ends > started
        second = since & (ends > (started + now) // 2)
        early, late = _mean(mean, since & ~second), _mean(mean, second)
        spread = (_mean(square, second) - late.square()).clamp_min(0).sqrt()
        return (now - started >= self.after) & (late > self.above) & (early <= late + spread)


def _mean(values: Tensor, where: Tensor) -> Tensor:
    """The mean over E of the values where it is true; NaN where it never is."""
    return torch.where(where, values, 0.0).sum(0) / where.sum(0)
