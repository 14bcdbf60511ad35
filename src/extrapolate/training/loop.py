"""The training loop: gradients of all replicas, optimizer step, bounds on weights, evaluations, checkpoints."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from extrapolate._runtime.progress import Interrupted, NullProgress, Progress
from extrapolate.nn.contract import boxes
from extrapolate.training import checkpoint as checkpoints
from extrapolate.training.callbacks import Callbacks
from extrapolate.training.checkpoint import CheckpointError
from extrapolate.training.compiled import warn_once
from extrapolate.training.history import History
from extrapolate.training.replicas import EVALUATION_STREAM, Replicas
from extrapolate.training.state import TrainingState
from extrapolate.training.train_config import TrainConfig

#: Minimum seconds between two checkpoints (at evaluations, at other steps), and between two progress updates.
CHECKPOINT_SECONDS = 5.0
CHECKPOINT_SECONDS_BETWEEN = 60.0
PROGRESS_SECONDS = 0.2


def run_training(
    replicas: Replicas, config: TrainConfig, *, checkpoint: Path | None = None, progress: Progress | None = None
) -> History:
    """Train ``replicas`` in place and return the history. The replicas then hold their last weights.

    With a ``checkpoint`` path the training is saved there: at evaluations, between them at least 60 s apart, at
    the end and when it is stopped. If the file exists, the training resumes from it. A resumed training ends with
    the same numbers as an uninterrupted one.

    Raises:
        Interrupted: ``progress`` requested a stop. The state is saved.
        CheckpointError: the checkpoint is damaged (the file is then moved aside), or it belongs to another or a
            longer training.
    """
    state = TrainingState.of(replicas, config)
    with warn_once(), _own_generators(replicas):
        if checkpoint is not None and checkpoint.exists():
            state.restore(checkpoints.read(checkpoint), str(checkpoint))
        if state.step > config.steps:
            raise CheckpointError(
                f"checkpoint {checkpoint} is at step {state.step:,}, after the last step {config.steps:,}: "
                "increase steps, or pass another path"
            )
        _Run(state, config, checkpoint, progress or NullProgress()).execute()
    return state.history


@contextmanager
def _own_generators(replicas: Replicas) -> Iterator[None]:
    """Inside, seed torch's global generators (used by dropout) from the replicas' seeds; restore them afterwards."""
    devices = [replicas.device] if replicas.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        words = np.random.SeedSequence([seed % 2**32 for seed in replicas.seeds]).generate_state(1)
        torch.manual_seed(int(words[0]))
        yield


@dataclass
class _Run:
    """Runs the remaining steps, evaluates and writes checkpoints."""

    state: TrainingState
    config: TrainConfig
    checkpoint: Path | None
    progress: Progress
    saved_at: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.callbacks = Callbacks(self.config.callbacks)
        self.began = self.saved_at - self.state.history.seconds_so_far
        self.take_step = _stepper(self.state, self.config, self.callbacks)

    def execute(self) -> None:
        state, config = self.state, self.config
        if config.feedback is not None:
            config.feedback.update(state.history)
        resumed_at = state.step
        while state.step < config.steps and not self._done():
            target = min(config.steps, (state.step // config.eval_every + 1) * config.eval_every)
            completed = self._run_until(target)
            if completed:
                self._evaluate()
            stop = not completed or self.progress.stop_requested()
            self._save_after(0.0 if stop else CHECKPOINT_SECONDS)
            if stop and state.step < config.steps and not self._done():
                raise Interrupted(f"stopped at step {state.step:,} of {config.steps:,}")
        if state.step > resumed_at:
            self._save_after(0.0)
        self.progress.update(state.step, self._status())

    def _evaluate(self) -> None:
        state, config = self.state, self.config
        keys = state.replicas.keys(state.step, EVALUATION_STREAM)
        metrics = config.evaluate(state.replicas, keys)
        means = state.take_mean_losses()
        seconds = time.monotonic() - self.began
        state.history.add(state.step, metrics, state.replicas, means[0], seconds)
        if config.feedback is not None:
            config.feedback.update(state.history)
        self.callbacks.on_evaluation(
            state.step, state.history.latest() | {"train_loss": state.history.train_loss[-1]}
        )
        if config.restart is not None:
            state.starts.restart_stuck(config.restart, state.replicas, state.step, means.float())

    def _save_after(self, seconds: float) -> None:
        """Write a checkpoint if the last one is at least ``seconds`` old."""
        if self.checkpoint is not None and time.monotonic() - self.saved_at >= seconds:
            checkpoints.write(self.checkpoint, self.state.to_checkpoint())
            self.saved_at = time.monotonic()

    def _done(self) -> bool:
        """Return whether ``stop_when`` ends the training."""
        history, stop_when = self.state.history, self.config.stop_when
        return stop_when is not None and len(history.steps) > 0 and stop_when(history)

    def _run_until(self, target: int) -> bool:
        """Run the steps up to ``target``. Return False if a stop was requested earlier."""
        status, reported_at = self._status(), 0.0
        for step in range(self.state.step, target):
            self.take_step(step)
            self.state.step = step + 1
            if time.monotonic() - reported_at > PROGRESS_SECONDS:
                reported_at = time.monotonic()
                self.progress.update(self.state.step, status)
                if self.progress.stop_requested() and self.state.step < target:
                    return False
                self._save_after(CHECKPOINT_SECONDS_BETWEEN)
        return True

    def _status(self) -> str:
        history, solved = self.state.history, self.config.solved
        if solved is None or not len(history.steps):
            return ""
        return f"{int(solved(history.latest()).sum()):,}/{len(self.state.replicas):,} solved"


def _stepper(state: TrainingState, config: TrainConfig, callbacks: Callbacks) -> Callable[[int], None]:
    """Return a function that runs training step ``n``. Everything that all steps share is allocated here, once."""
    replicas, optimizer, feed = state.replicas, state.optimizer, state.feed
    compute = config.gradients(replicas, config)
    trained = replicas.trainable
    fixed = {name: value for name, value in replicas.state.items() if name not in trained}
    keys = replicas.keys()
    step_word = keys[:, 2]
    scales = torch.zeros(len(config.penalties), device=replicas.device)
    weights = [(scales[i], each.weight) for i, each in enumerate(config.penalties)]
    rates = [
        (group, group["initial_lr"], config.lr_schedule) for group in optimizer.param_groups if config.lr_schedule
    ]
    boxed = [(trained[name], box) for name, box in boxes(replicas[0]) if name in trained]

    @torch.no_grad()
    def take_step(step: int) -> None:
        step_word.fill_(step)
        for scale, weight in weights:
            scale.fill_(weight(step))
        own, shared = feed(keys)
        slopes, losses = compute(trained, fixed, keys, own, shared, scales)
        for name, value in trained.items():
            value.grad = slopes[name]
        for group, rate, factor in rates:
            group["lr"] = rate * factor(step)
        if config.grad_noise is not None:
            config.grad_noise.step = step  # a resumed training continues here
            config.grad_noise(optimizer)
        optimizer.step()
        if state.scheduler is not None:
            state.scheduler.step()
        for value, (low, high) in boxed:
            value.clamp_(low, high)
        state.record(losses)
        callbacks.after_step(step + 1, replicas, optimizer)

    return take_step
