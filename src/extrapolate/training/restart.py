"""Replicas that are stuck start anew: when each last began, and how its loss has gone since."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from extrapolate.training.replicas import Replicas


@dataclass(frozen=True)
class RestartOnPlateau:
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


@dataclass
class RestartState:
    """``at`` (R,): the step at which each replica last began; ``count`` (R,): how often it began anew.

    ``steps`` (E,) and ``means`` (E, 2, R): the evaluations, and the means of the losses and of their squares
    since the evaluation before.
    """

    at: Tensor
    count: Tensor
    steps: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.int64))
    means: Tensor = field(default_factory=lambda: torch.zeros(0))

    @classmethod
    def of(cls, replicas: Replicas) -> "RestartState":
        """Every replica begins at step 0."""
        zeros = torch.zeros(len(replicas), dtype=torch.int64)
        return cls(zeros, zeros.clone(), means=torch.zeros(0, 2, len(replicas)))

    def tensors(self) -> dict[str, Tensor]:
        return {name: getattr(self, name) for name in ("at", "count", "steps", "means")}

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Take over what :meth:`tensors` gave."""
        self.at, self.count = tensors["at"], tensors["count"]
        self.steps, self.means = tensors["steps"], tensors["means"]

    def begin_anew(self, restart: RestartOnPlateau, replicas: Replicas, step: int, means: Tensor) -> None:
        """At an evaluation: give the replicas that are stuck fresh values, each from seeds of its own."""
        self.steps = torch.cat([self.steps, torch.tensor([step])])
        self.means = torch.cat([self.means, means[None]])
        stuck = restart.stuck(self.steps, self.means[:, 0], self.means[:, 1], self.at)
        rows = stuck.nonzero().flatten().tolist()
        if not rows:
            return
        self.at[rows] = step
        self.count[rows] += 1
        seeds = [_seed_of_start(replicas.seeds[row], int(self.count[row])) for row in rows]
        fresh = Replicas.build(restart.build, seeds, device=replicas.device)
        for name, target in replicas.state.items():
            target[rows] = fresh.state[name]


def _seed_of_start(seed: int, count: int) -> int:
    """A seed for the ``count``-th new start; mixed, since torch's CPU generator looks at 32 bits only."""
    return int(np.random.SeedSequence((seed % 2**32, count)).generate_state(1)[0])
