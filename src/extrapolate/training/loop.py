"""The loop: gradients of all replicas in one mapped and fused call, one optimizer step, the box."""

import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.func import grad_and_value, vmap

from extrapolate.nn import boxes, penalty
from extrapolate.training import checkpoint as checkpoints
from extrapolate.training.compiled import compiled
from extrapolate.training.history import History
from extrapolate.training.plan import Plan
from extrapolate.training.replicas import Replicas, State
from extrapolate.training.state import TrainingState
from extrapolate.training.watch import Interrupted, Quiet, Watch

#: Seconds between two checkpoints at least (they are written at evaluations), and between two progress calls.
CHECKPOINT_SECONDS = 5.0
PROGRESS_SECONDS = 0.2


def train(
    replicas: Replicas, plan: Plan, *, checkpoint: Path | None = None, watch: Watch | None = None
) -> History:
    """Trains ``replicas`` in place by ``plan``; returns what was measured.

    With a ``checkpoint`` path the training is saved there at evaluations and when asked to stop, and
    continues from there if the file exists: the final numbers are those of an undisturbed training.

    Raises:
        Interrupted: ``watch`` asked to stop; the state is saved.
        CheckpointError: the checkpoint is damaged (then it has been moved aside) or of another training.
    """
    watch = watch or Quiet()
    optimizer = plan.optimizer(list(replicas.parameters.values()))
    state = TrainingState(replicas, optimizer, History.of(replicas, plan.best_by))
    if checkpoint is not None and checkpoint.exists():
        state.restore(checkpoints.read(checkpoint), str(checkpoint))
    take_step = _stepper(state, plan)
    saved_at = time.monotonic()
    while state.step < plan.steps:
        target = min(plan.steps, (state.step // plan.evaluate_every + 1) * plan.evaluate_every)
        completed = _run_until(target, state, plan, take_step, watch)
        if completed:
            state.history.add(state.step, plan.evaluate(replicas), replicas)
        stop = not completed or watch.stop_requested()
        if checkpoint is not None and (stop or time.monotonic() - saved_at > CHECKPOINT_SECONDS):
            checkpoints.write(checkpoint, state.to_checkpoint())
            saved_at = time.monotonic()
        if stop and state.step < plan.steps:
            raise Interrupted(f"stopped at step {state.step:,} of {plan.steps:,}")
    watch.progress(state.step, _count_solved(plan, state.history))
    return state.history


def _run_until(
    target: int, state: TrainingState, plan: Plan, take_step: Callable[[int], None], watch: Watch
) -> bool:
    """Steps up to ``target``; False if ``watch`` asked to stop before it."""
    solved = _count_solved(plan, state.history)
    told_at = 0.0
    for step in range(state.step, target):
        take_step(step)
        state.step = step + 1
        if time.monotonic() - told_at > PROGRESS_SECONDS:
            told_at = time.monotonic()
            watch.progress(state.step, solved)
            if watch.stop_requested() and state.step < target:
                return False
    return True


def _count_solved(plan: Plan, history: History) -> int | None:
    if plan.solved is None or not history.steps:
        return None
    return int(plan.solved(history.latest()).sum())


def gradients(replicas: Replicas, plan: Plan) -> Callable[..., tuple[State, Tensor]]:
    """``(parameters, buffers, keys, given, scale)`` to the gradients (R, ...) and losses (R,) of one step."""

    def loss(model: nn.Module, key: Tensor, given: State, scale: Tensor) -> Tensor:
        value = plan.loss(model, key, given)
        return value + scale * penalty(model) if plan.penalty.scale else value

    call = replicas.bind(loss, training=True)

    def one(parameters: State, buffers: State, key: Tensor, given: State, scale: Tensor) -> Tensor:
        return call(parameters, buffers, key, key, given, scale)

    # "different": parts that draw from torch's global generator (dropout) draw for each replica
    step = vmap(grad_and_value(one), in_dims=(0, 0, 0, 0, None), randomness="different")
    return compiled(step) if plan.compile else step


def _stepper(state: TrainingState, plan: Plan) -> Callable[[int], None]:
    """A function that takes step ``n`` of the training, with nothing allocated that the step need not."""
    replicas, optimizer = state.replicas, state.optimizer
    compute = gradients(replicas, plan)
    keys = replicas.keys()
    step_word = keys[:, 2]
    scale = torch.zeros((), device=replicas.device)
    boxed = [(replicas.parameters[name], box) for name, box in boxes(replicas[0])]

    @torch.no_grad()
    def take_step(step: int) -> None:
        step_word.fill_(step)
        scale.fill_(plan.penalty.at(step))
        slopes, _ = compute(replicas.parameters, replicas.buffers, keys, plan.given, scale)
        for name, value in replicas.parameters.items():
            value.grad = slopes[name]
        optimizer.step()
        for value, (low, high) in boxed:
            value.clamp_(low, high)

    return take_step
