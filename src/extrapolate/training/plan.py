"""What a training does: a value, made by an experiment and carried out by the loop."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from extrapolate.optim import GradientNoise
from extrapolate.training.clip import Clip
from extrapolate.training.gradients import Gradients, mapped
from extrapolate.training.history import History
from extrapolate.training.penalty import Penalty
from extrapolate.training.replicas import Replicas, State
from extrapolate.training.restart import Restart
from extrapolate.training.schedule import Schedule

#: ``loss(model, key, given)``: the loss of one replica at one step, a scalar. ``key`` (3,) is this replica's
#: and step's source of random numbers; ``given`` holds this replica's entries of ``Plan.given``, and
#: what ``Plan.shared`` gave for this step.
Loss = Callable[[nn.Module, Tensor, dict[str, Tensor]], Tensor]

#: ``evaluate(replicas)``: measures of every replica, each a tensor (R,).
Evaluate = Callable[[Replicas], dict[str, Tensor]]


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
        shared: ``shared(key)``: tensors drawn once a step and handed whole to the ``loss`` of every replica;
            the ``key`` (3,), of seed 0 and this step, is for :func:`ops.uniform`. What is the same for all
            is neither drawn nor stored R times, and a matrix product with it is one for all of them.
        penalties: what is added to the loss.
        rate: a factor on the optimizer's learning rates, step by step.
        clip: bounds on each replica's gradients.
        noise: added to the gradients after that.
        restart: when a replica that is stuck starts anew.
        solved: which replicas a set of measures shows as solved, bool (R,); for the progress display.
        until: asked after every evaluation; True ends the training before its last step.
        compile: fuse the step with ``torch.compile`` (falls back to eager where there is no compiler).
        gradients: how those of all replicas are computed: ``mapped`` over the stack at once, or ``one_by_one``.

    Raises:
        ValueError: ``steps`` below 0 or ``evaluate_every`` below 1.
    """

    loss: Loss
    optimizer: Callable[[list[Tensor]], torch.optim.Optimizer]
    steps: int
    evaluate: Evaluate
    evaluate_every: int
    best_by: str
    given: dict[str, Tensor] = field(default_factory=dict)
    shared: Callable[[Tensor], State] | None = None
    penalties: tuple[Penalty, ...] = ()
    rate: Schedule | None = None
    clip: Clip | None = None
    noise: GradientNoise | None = None
    restart: Restart | None = None
    solved: Callable[[dict[str, Tensor]], Tensor] | None = None
    until: Callable[[History], bool] | None = None
    compile: bool = True
    gradients: "Callable[[Replicas, Plan], Gradients]" = mapped

    def __post_init__(self) -> None:
        if self.steps < 0 or self.evaluate_every < 1:
            raise ValueError(
                f"plan: steps={self.steps} must be at least 0, evaluate_every={self.evaluate_every} at least 1"
            )
