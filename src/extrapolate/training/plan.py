"""What a training does: a value, made by an experiment and carried out by the loop."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from extrapolate.training.replicas import Replicas

#: ``loss(model, key, given)``: the loss of one replica at one step, a scalar. ``key`` (3,) is this replica's
#: and step's source of random numbers; ``given`` holds this replica's entries of ``Plan.given``.
Loss = Callable[[nn.Module, Tensor, dict[str, Tensor]], Tensor]

#: ``evaluate(replicas)``: measures of every replica, each a tensor (R,).
Evaluate = Callable[[Replicas], dict[str, Tensor]]


@dataclass(frozen=True)
class PenaltySchedule:
    """scale · r(step) times the modules' penalties, r rising linearly from 0 at ``start`` to 1 at ``end``."""

    scale: float
    start: int
    end: int

    def at(self, step: int) -> float:
        return self.scale * min(max((step - self.start) / (self.end - self.start), 0.0), 1.0)


NO_PENALTY = PenaltySchedule(0.0, 0, 1)


@dataclass(frozen=True)
class Plan:
    """A training: what to lower, with what, for how long, and what to measure on the way.

    Args:
        loss: the loss of one replica; mapped over all of them.
        optimizer: makes the optimizer from the list of stacked parameters (R, ...). Elementwise optimizers
            (SGD, Adam, ...) then keep a state of each replica's own.
        steps: optimizer steps.
        evaluate: measures taken every ``evaluate_every`` steps and at the end.
        best_by: the measure whose lowest value marks a replica's best step; its weights are kept.
        given: tensors (R, ...) handed to ``loss`` a replica at a time.
        penalty: the scale of the modules' own penalties over the steps.
        solved: which replicas a set of measures shows as solved, bool (R,); for the progress display.
        compile: fuse the step with ``torch.compile`` (falls back to eager where there is no compiler).
    """

    loss: Loss
    optimizer: Callable[[list[Tensor]], torch.optim.Optimizer]
    steps: int
    evaluate: Evaluate
    evaluate_every: int
    best_by: str
    given: dict[str, Tensor] = field(default_factory=dict)
    penalty: PenaltySchedule = NO_PENALTY
    solved: Callable[[dict[str, Tensor]], Tensor] | None = None
    compile: bool = True
