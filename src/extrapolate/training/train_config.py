"""The configuration that the training loop reads."""

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

#: ``loss(model, key, batch)``: the loss of one replica at one step, a scalar. ``key`` (3,) is the key for random
#: numbers of this replica and step.
Loss = Callable[[nn.Module, Tensor, Any], Tensor]


class AdaptiveState(Protocol):
    """Values that depend on the history of the training, such as learning rates and weights of costs."""

    def update(self, history: History) -> None:
        """Set the values. Called before the first step, after resuming, and after every evaluation."""
        ...


@dataclass(frozen=True)
class TrainConfig:
    """Everything that the loop needs to know. :func:`extrapolate.train` makes one from its arguments.

    Args:
        loss: the loss of one replica; mapped over all replicas.
        optimizer: makes the optimizer from the list of stacked parameters (R, ...). Elementwise optimizers
            (SGD, Adam, ...) keep the replicas independent.
        steps: number of optimizer steps.
        evaluate: returns the metrics of all replicas. Called every ``eval_every`` steps and at the end.
        monitor: the metric that selects each replica's best step. The history keeps the weights of that step.
        mode: ``min`` if the lowest value is best, ``max`` if the highest is.
        data: returns the batch of every step. Default: the tensors of ``per_replica`` and ``shared_batch``.
        per_replica: tensors (R, ...) by name; ``loss`` gets the row of its replica.
        shared_batch: ``shared_batch(key)`` returns tensors by name. It is sampled once per step, and every
            replica gets the same tensors. ``key`` (3,) has seed 0 and this step, for :func:`ops.uniform`. A
            matrix product with these tensors is computed once for all replicas.
        penalties: terms that are added to the loss.
        lr_schedule: a factor on the optimizer's learning rates for each step.
        lr_scheduler: makes a torch scheduler from the optimizer. It is stepped once per training step.
        grad_clip: bounds on each replica's gradients.
        grad_noise: noise that is added to the gradients after clipping.
        restart: when to restart a replica whose loss does not fall.
        solved: ``solved(metrics)`` returns which replicas are solved, bool (R,), for the progress display.
        feedback: values that are set from the history.
        stop_when: called with the history after every evaluation. True ends the training early.
        callbacks: see :class:`extrapolate.training.Callback`.
        compile: fuse the step with ``torch.compile``. Without a compiler the step runs eagerly.
        gradients: makes the function that computes the gradients: :func:`vmap_gradients` (all replicas at once)
            or :func:`loop_gradients` (one after another).
        first_step: decisions that ``gradients`` makes at the first step. A resumed training keeps them.

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
        """The source of every step's batch."""
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
