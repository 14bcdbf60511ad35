"""The loop: the gradients of all replicas, one optimizer step, the box; evaluations and checkpoints."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from extrapolate.nn import boxes
from extrapolate.training import checkpoint as checkpoints
from extrapolate.training.checkpoint import CheckpointError
from extrapolate.training.compiled import warned_once
from extrapolate.training.history import History
from extrapolate.training.plan import Plan
from extrapolate.training.replicas import Replicas
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
        CheckpointError: the checkpoint is damaged (then it has been moved aside), of another training or of a
            longer one.
    """
    optimizer = plan.optimizer(list(replicas.trainable.values()))
    for group in optimizer.param_groups:
        group.setdefault("initial_lr", group["lr"])
    state = TrainingState.of(replicas, optimizer, plan.best_by)
    with warned_once(), _own_generators(replicas):
        if checkpoint is not None and checkpoint.exists():
            state.restore(checkpoints.read(checkpoint), str(checkpoint))
        if state.step > plan.steps:
            raise CheckpointError(f"checkpoint {checkpoint} is of a longer training, at step {state.step:,}")
        _carry_out(state, plan, checkpoint, watch or Quiet())
    return state.history


@contextmanager
def _own_generators(replicas: Replicas) -> Iterator[None]:
    """While inside, torch's global generators (dropout draws from them) follow from the replicas' seeds."""
    devices = [replicas.device] if replicas.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        words = np.random.SeedSequence([seed % 2**32 for seed in replicas.seeds]).generate_state(1)
        torch.manual_seed(int(words[0]))
        yield


def _carry_out(state: TrainingState, plan: Plan, checkpoint: Path | None, watch: Watch) -> None:
    """The steps that are left, with an evaluation and perhaps a checkpoint now and then."""
    take_step = _stepper(state, plan)
    saved_at = time.monotonic()
    began = saved_at - state.history.seconds_so_far
    while state.step < plan.steps and not _done(plan, state.history):
        target = min(plan.steps, (state.step // plan.evaluate_every + 1) * plan.evaluate_every)
        completed = _run_until(target, state, plan, take_step, watch)
        if completed:
            measures = plan.evaluate(state.replicas)
            state.history.add(state.step, measures, state.replicas, time.monotonic() - began)
            if plan.restart is not None:
                state.starts.begin_anew(plan.restart, state.replicas, state.step)
        stop = not completed or watch.stop_requested()
        if checkpoint is not None and (stop or time.monotonic() - saved_at > CHECKPOINT_SECONDS):
            checkpoints.write(checkpoint, state.to_checkpoint())
            saved_at = time.monotonic()
        if stop and state.step < plan.steps and not _done(plan, state.history):
            raise Interrupted(f"stopped at step {state.step:,} of {plan.steps:,}")
    watch.progress(state.step, _count_solved(plan, state.history))


def _done(plan: Plan, history: History) -> bool:
    """Whether the plan asks for no further step, judged by the evaluations so far."""
    return plan.until is not None and bool(history.steps) and plan.until(history)


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


def _stepper(state: TrainingState, plan: Plan) -> Callable[[int], None]:
    """A function that takes step ``n`` of the training, with nothing allocated that the step need not."""
    replicas, optimizer = state.replicas, state.optimizer
    compute = plan.gradients(replicas, plan)
    trained = replicas.trainable
    fixed = {name: value for name, value in replicas.state.items() if name not in trained}
    keys = replicas.keys()
    step_word = keys[:, 2]
    shared_key = torch.zeros(3, dtype=torch.int64, device=replicas.device)
    scales = torch.zeros(len(plan.penalties), device=replicas.device)
    schedules = [(scales[i], each.schedule) for i, each in enumerate(plan.penalties)]
    rates = [(group, group["initial_lr"], plan.rate) for group in optimizer.param_groups if plan.rate]
    boxed = [(trained[name], box) for name, box in boxes(replicas[0]) if name in trained]

    @torch.no_grad()
    def take_step(step: int) -> None:
        step_word.fill_(step)
        for scale, schedule in schedules:
            scale.fill_(schedule.at(step))
        shared_key[2] = step
        shared = plan.shared(shared_key) if plan.shared else {}
        slopes, losses = compute(trained, fixed, keys, plan.given, shared, scales)
        for name, value in trained.items():
            value.grad = slopes[name]
        for group, rate, factor in rates:
            group["lr"] = rate * factor.at(step)
        if plan.noise is not None:
            plan.noise.step = step  # where a resumed training goes on
            plan.noise(optimizer)
        optimizer.step()
        for value, (low, high) in boxed:
            value.clamp_(low, high)
        if plan.restart is not None:
            state.starts.record(losses)

    return take_step
