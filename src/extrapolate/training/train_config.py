"""The arguments of a training as one value: what the loop reads."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler

from extrapolate.optim import GradientNoise
from extrapolate.training.clip import Clip
from extrapolate.training.feeds import Feed, Stateless
from extrapolate.training.gradients import Gradients, vmap_gradients
from extrapolate.training.history import History
from extrapolate.training.metrics import Evaluate
from extrapolate.training.penalty import Penalty
from extrapolate.training.replicas import Replicas, State
from extrapolate.training.restart import RestartOnPlateau
from extrapolate.training.schedule import Schedule

#: ``loss(model, key, batch)``: the loss of one replica at one step, a scalar. ``key`` (3,) is this replica's
#: and step's source of random numbers.
Loss = Callable[[nn.Module, Tensor, Any], Tensor]


class AdaptiveState(Protocol):
    """What a training sets from its history: learning rates, weights of costs."""

    def update(self, history: History) -> None:
        """Called before the first step, after resuming, and after every evaluation."""
        ...


@dataclass(frozen=True)
class TrainConfig:
    """All that the loop needs to know of a training. :func:`extrapolate.train` makes one of its arguments.

    Args:
        loss: the loss of one replica; mapped over all of them.
        optimizer: makes the optimizer from the list of stacked parameters (R, ...). Elementwise optimizers
            (SGD, Adam, ...) then keep a state of each replica's own.
        steps: optimizer steps.
        evaluate: measures taken every ``eval_every`` steps and at the end.
        monitor: the measure that marks a replica's best step; its weights are kept.
        mode: ``min`` or ``max``: whether the lowest or the highest is best.
        data: gives the batch of every step. Default: the tensors of ``per_replica`` and ``shared_batch``.
        per_replica: tensors (R, ...) by name; ``loss`` gets the row of its replica.
        shared_batch: ``shared_batch(key)``: tensors by name, sampled once per step and given whole to the ``loss``
            of every replica; the ``key`` (3,), of seed 0 and this step, is for :func:`ops.uniform`. A matrix
            product with them is one for all replicas.
        penalties: what is added to the loss.
        lr_schedule: a factor on the optimizer's learning rates, step by step.
        lr_scheduler: makes a scheduler of ``torch.optim.lr_scheduler`` of the optimizer; stepped once per step.
        grad_clip: bounds on each replica's gradients.
        grad_noise: added to the gradients after that.
        restart: when a replica that is stuck starts anew.
        solved: which replicas a set of measures shows as solved, bool (R,); for the progress display.
        feedback: sets numbers that the training uses from its history.
        stop_when: asked after every evaluation; True ends the training before its last step.
        callbacks: see :class:`extrapolate.training.Callback`.
        compile: fuse the step with ``torch.compile`` (falls back to eager where there is no compiler).
        gradients: how those of all replicas are computed: ``mapped`` over the stack at once, or ``one_by_one``.
        settled: what ``gradients`` decides at the first step; a resumed training keeps to it.

    Raises:
        ValueError: ``steps`` below 0 or ``eval_every`` below 1.
    """

    loss: Loss
    optimizer: Callable[[list[Tensor]], torch.optim.Optimizer]
    steps: int
    evaluate: Evaluate
    eval_every: int
    monitor: str
    mode: Literal["min", "max"] = "min"
    data: Feed | None = None
    per_replica: dict[str, Tensor] = field(default_factory=dict)
    shared_batch: Callable[[Tensor], State] | None = None
    penalties: tuple[Penalty, ...] = ()
    lr_schedule: Schedule | None = None
    lr_scheduler: Callable[[torch.optim.Optimizer], LRScheduler] | None = None
    grad_clip: Clip | None = None
    grad_noise: GradientNoise | None = None
    restart: RestartOnPlateau | None = None
    solved: Callable[[dict[str, Tensor]], Tensor] | None = None
    feedback: AdaptiveState | None = None
    stop_when: Callable[[History], bool] | None = None
    callbacks: tuple[Any, ...] = ()
    compile: bool = True
    gradients: "Callable[[Replicas, TrainConfig], Gradients]" = vmap_gradients
    first_step: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.steps < 0 or self.eval_every < 1:
            raise ValueError(f"steps={self.steps} must be at least 0, eval_every={self.eval_every} at least 1")

    @property
    def feed(self) -> Feed:
        """What gives the batch of every step."""
        return self.data or _TensorsByName(self.per_replica, self.shared_batch)


@dataclass(frozen=True)
class _TensorsByName(Stateless):
    per_replica: dict[str, Tensor]
    shared_batch: Callable[[Tensor], State] | None

    def __call__(self, keys: Tensor) -> tuple[Any, Any]:
        if self.shared_batch is None:
            return self.per_replica, {}
        common = keys[0] * torch.tensor([0, 0, 1], device=keys.device)
        return self.per_replica, self.shared_batch(common)
