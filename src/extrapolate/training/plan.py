"""What the loop needs to know of a training, as one value."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler

from extrapolate.optim import GradientNoise
from extrapolate.training.clip import Clip
from extrapolate.training.feeds import Feed, Stateless
from extrapolate.training.gradients import Gradients, mapped
from extrapolate.training.history import History
from extrapolate.training.metrics import Evaluate
from extrapolate.training.penalty import Penalty
from extrapolate.training.replicas import Replicas, State
from extrapolate.training.restart import Restart
from extrapolate.training.schedule import Schedule

#: ``loss(model, key, batch)``: the loss of one replica at one step, a scalar. ``key`` (3,) is this replica's
#: and step's source of random numbers.
Loss = Callable[[nn.Module, Tensor, Any], Tensor]


class Feedback(Protocol):
    """What a training sets from its history: learning rates, weights of costs."""

    def update(self, history: History) -> None:
        """Called before the first step, after resuming, and after every evaluation."""
        ...


@dataclass(frozen=True)
class Plan:
    """All that the loop needs to know of a training. :func:`extrapolate.train` makes one of its arguments.

    Args:
        loss: the loss of one replica; mapped over all of them.
        optimizer: makes the optimizer from the list of stacked parameters (R, ...). Elementwise optimizers
            (SGD, Adam, ...) then keep a state of each replica's own.
        steps: optimizer steps.
        evaluate: measures taken every ``evaluate_every`` steps and at the end.
        best_by: the measure that marks a replica's best step; its weights are kept.
        mode: ``min`` or ``max``: whether the lowest or the highest is best.
        feed: gives the batch of every step. Default: ``given`` and ``shared``.
        given: tensors (R, ...) handed to ``loss`` a replica at a time.
        shared: ``shared(key)``: tensors sampled once a step and handed whole to the ``loss`` of every replica;
            the ``key`` (3,), of seed 0 and this step, is for :func:`ops.uniform`. What is the same for all
            is neither sampled nor stored R times, and a matrix product with it is one for all of them.
        penalties: what is added to the loss.
        rate: a factor on the optimizer's learning rates, step by step.
        lr_schedule: makes a scheduler of ``torch.optim.lr_scheduler`` of the optimizer; stepped once a step.
        clip: bounds on each replica's gradients.
        noise: added to the gradients after that.
        restart: when a replica that is stuck starts anew.
        solved: which replicas a set of measures shows as solved, bool (R,); for the progress display.
        feedback: sets numbers that the training uses from its history.
        until: asked after every evaluation; True ends the training before its last step.
        callbacks: see :class:`extrapolate.training.Callback`.
        compile: fuse the step with ``torch.compile`` (falls back to eager where there is no compiler).
        gradients: how those of all replicas are computed: ``mapped`` over the stack at once, or ``one_by_one``.
        settled: what ``gradients`` decides at the first step; a resumed training keeps to it.

    Raises:
        ValueError: ``steps`` below 0 or ``evaluate_every`` below 1.
    """

    loss: Loss
    optimizer: Callable[[list[Tensor]], torch.optim.Optimizer]
    steps: int
    evaluate: Evaluate
    evaluate_every: int
    best_by: str
    mode: Literal["min", "max"] = "min"
    feed: Feed | None = None
    given: dict[str, Tensor] = field(default_factory=dict)
    shared: Callable[[Tensor], State] | None = None
    penalties: tuple[Penalty, ...] = ()
    rate: Schedule | None = None
    lr_schedule: Callable[[torch.optim.Optimizer], LRScheduler] | None = None
    clip: Clip | None = None
    noise: GradientNoise | None = None
    restart: Restart | None = None
    solved: Callable[[dict[str, Tensor]], Tensor] | None = None
    feedback: Feedback | None = None
    until: Callable[[History], bool] | None = None
    callbacks: tuple[Any, ...] = ()
    compile: bool = True
    gradients: "Callable[[Replicas, Plan], Gradients]" = mapped
    settled: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.steps < 0 or self.evaluate_every < 1:
            raise ValueError(
                f"plan: steps={self.steps} must be at least 0, evaluate_every={self.evaluate_every} at least 1"
            )

    @property
    def batches(self) -> Feed:
        """The feed, or that of ``given`` and ``shared``."""
        return self.feed or _GivenAndShared(self.given, self.shared)


@dataclass(frozen=True)
class _GivenAndShared(Stateless):
    given: dict[str, Tensor]
    shared: Callable[[Tensor], State] | None

    def __call__(self, keys: Tensor) -> tuple[Any, Any]:
        if self.shared is None:
            return self.given, {}
        common = keys[0] * torch.tensor([0, 0, 1], device=keys.device)
        return self.given, self.shared(common)
