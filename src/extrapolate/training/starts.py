"""When each replica last began, and how its loss has gone since: what a restart is decided on."""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from extrapolate.training.replicas import Replicas
from extrapolate.training.restart import Restart


@dataclass
class Starts:
    """``at`` (R,): the step at which each replica last began; ``count`` (R,): how often it began anew.

    ``steps`` (E,) and ``means`` (E, 2, R): the evaluations, and the means of the losses and of their squares
    since the evaluation before.
    """

    at: Tensor
    count: Tensor
    steps: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.int64))
    means: Tensor = field(default_factory=lambda: torch.zeros(0))

    @classmethod
    def of(cls, replicas: Replicas) -> "Starts":
        """Every replica begins at step 0."""
        zeros = torch.zeros(len(replicas), dtype=torch.int64)
        return cls(zeros, zeros.clone(), means=torch.zeros(0, 2, len(replicas)))

    def tensors(self) -> dict[str, Tensor]:
        return {name: getattr(self, name) for name in ("at", "count", "steps", "means")}

    def take(self, tensors: dict[str, Tensor]) -> None:
        """Take over what :meth:`tensors` gave."""
        self.at, self.count = tensors["at"], tensors["count"]
        self.steps, self.means = tensors["steps"], tensors["means"]

    def begin_anew(self, restart: Restart, replicas: Replicas, step: int, means: Tensor) -> None:
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
