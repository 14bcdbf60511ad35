"""Restart replicas that are stuck, with fresh weights."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from extrapolate.training.replicas import Replicas


@dataclass(frozen=True)
class RestartOnPlateau:
    """Gives fresh weights to a replica that is stuck. The state of its optimizer does not change.

    A replica is stuck if all of this holds:

    * its last start was at least ``after`` steps ago;
    * its mean loss over the second half of these steps is larger than ``above``;
    * this mean is at most one standard deviation (of the second half) below the mean of the first half.

    Source: Schlör, Ring & Hotho 2020 (iNALU). They test every ten steps; this loop tests at every evaluation.

    Args:
        build: makes a fresh module.
        after: steps since the last start.
        above: mean loss.
    """

    build: Callable[[], nn.Module]
    after: int = 5_000
    above: float = 1.0

    def stuck(self, steps: Tensor, mean: Tensor, square: Tensor, started: Tensor) -> Tensor:
        """Return which replicas are stuck, bool (R,).

        Args:
            steps: the evaluated steps (E,).
            mean, square: mean of the loss and of its square since the previous evaluation, (E, R).
            started: the step of each replica's last start, (R,).
        """
        now, ends = steps[-1], steps[:, None]
        since = ends > started
        second = since & (ends > (started + now) // 2)
        early, late = _mean(mean, since & ~second), _mean(mean, second)
        spread = (_mean(square, second) - late.square()).clamp_min(0).sqrt()
        return (now - started >= self.after) & (late > self.above) & (early <= late + spread)


def _mean(values: Tensor, where: Tensor) -> Tensor:
    """Return the mean over E of the values at which ``where`` is True; NaN if it never is."""
    return torch.where(where, values, 0.0).sum(0) / where.sum(0)


@dataclass
class RestartState:
    """When the replicas were restarted, and their losses.

    Attributes:
        at: the step of each replica's last start, (R,).
        count: the number of restarts of each replica, (R,).
        steps: the evaluated steps, (E,).
        means: means of the losses and of their squares since the previous evaluation, (E, 2, R).
    """

    at: Tensor
    count: Tensor
    steps: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.int64))
    means: Tensor = field(default_factory=lambda: torch.zeros(0))

    @classmethod
    def of(cls, replicas: Replicas) -> "RestartState":
        """Return the state at step 0, when every replica starts."""
        zeros = torch.zeros(len(replicas), dtype=torch.int64)
        return cls(zeros, zeros.clone(), means=torch.zeros(0, 2, len(replicas)))

    def tensors(self) -> dict[str, Tensor]:
        return {name: getattr(self, name) for name in ("at", "count", "steps", "means")}

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Load what :meth:`tensors` returned."""
        self.at, self.count = tensors["at"], tensors["count"]
        self.steps, self.means = tensors["steps"], tensors["means"]

    def restart_stuck(self, restart: RestartOnPlateau, replicas: Replicas, step: int, means: Tensor) -> None:
        """Record an evaluation, then give the stuck replicas fresh values. Each restart has its own seed."""
        self.steps = torch.cat([self.steps, torch.tensor([step])])
        self.means = torch.cat([self.means, means[None]])
        stuck = restart.stuck(self.steps, self.means[:, 0], self.means[:, 1], self.at)
        rows = stuck.nonzero().flatten().tolist()
        if not rows:
            return
        self.at[rows] = step
        self.count[rows] += 1
        seeds = [_restart_seed(replicas.seeds[row], int(self.count[row])) for row in rows]
        fresh = Replicas.build(restart.build, seeds, device=replicas.device)
        for name, target in replicas.state.items():
            target[rows] = fresh.state[name]


def _restart_seed(seed: int, count: int) -> int:
    """Return the seed of the ``count``-th restart. It is hashed: torch's CPU generator uses only 32 bits."""
    return int(np.random.SeedSequence((seed % 2**32, count)).generate_state(1)[0])
