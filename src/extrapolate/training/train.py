"""The function :func:`train`: R replicas, a loss, data, and the usual settings of a training loop."""

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, ReduceLROnPlateau

from extrapolate._runtime.batches import call_on_batch
from extrapolate._runtime.progress import Interrupted, stop_on_signals
from extrapolate._runtime.threads import thread_limit
from extrapolate.optim import GradientNoise
from extrapolate.training.clip import Clip
from extrapolate.training.data import feed_of
from extrapolate.training.feeds import NoData
from extrapolate.training.first_step import FirstStep
from extrapolate.training.history import History
from extrapolate.training.loop import run_training
from extrapolate.training.metrics import Metrics, evaluation_of
from extrapolate.training.penalty import Penalty
from extrapolate.training.progress import terminal_progress
from extrapolate.training.replicas import Replicas
from extrapolate.training.schedule import SCHEDULES, Schedule
from extrapolate.training.train_config import TrainConfig

#: Evaluations per training if ``eval_every`` is not set.
EVALUATIONS = 20

#: Columns of :meth:`History.to_polars` that are not metrics.
RESERVED = {"step", "seconds", "replica", "seed", "train_loss"}

LRSchedule = Schedule | Callable[[Optimizer], LRScheduler]


def train(
    replicas: Replicas,
    loss: Callable[..., Tensor],
    data: Any = None,
    *,
    steps: int,
    optimizer: Callable[[list[Tensor]], Optimizer],
    batch_size: int | None = None,
    validation: Any = None,
    metrics: Metrics | None = None,
    monitor: str = "loss",
    mode: Literal["min", "max"] = "min",
    eval_every: int | None = None,
    restore_best: bool = True,
    lr_schedule: LRSchedule | None = None,
    grad_clip: float | Clip | None = None,
    grad_noise: GradientNoise | None = None,
    penalties: Sequence[Penalty] = (),
    stop_when: Callable[[History], bool] | None = None,
    callbacks: Sequence[object] = (),
    checkpoint: str | os.PathLike[str] | None = None,
    compile: bool = False,
    vectorize: bool | Literal["auto"] = "auto",
    num_threads: int | None = None,
) -> History:
    """Train all replicas at once, in place. By default they hold their best weights afterwards.

    Args:
        replicas: the models to train.
        loss: returns the loss of one replica, a scalar. It is called as ``loss(model, *batch)`` if the batch is
            a tuple or list, ``loss(model, **batch)`` if it is a mapping, else ``loss(model, batch)``. Without
            data, ``loss(model, key)`` samples its own examples with :func:`extrapolate.ops.uniform`.
        data: the training data, one of:

            * a tensor, a tuple or mapping of tensors, or a ``TensorDataset``: each replica samples ``batch_size``
              rows per step, with replacement, by its own key;
            * a ``Dataset``: wrapped in a shuffled ``DataLoader``;
            * a ``DataLoader`` or another iterable of batches: repeated until the last step. All replicas get the
              same batches;
            * a :class:`extrapolate.tasks.Task`: sampled with each replica's key;
            * a list with one of these for each replica;
            * None: ``loss`` samples its own examples.
        steps: number of optimizer steps.
        optimizer: function that makes a torch optimizer from the list of stacked parameters (R, ...), such as
            ``partial(torch.optim.Adam, lr=1e-3)``. Elementwise optimizers keep the replicas independent.
        batch_size: examples per step and replica, 128 by default. Must not be set if ``data`` is a loader.
        validation: data to evaluate on. Tensors are one batch. Results on a ``Dataset`` or ``DataLoader`` are
            averaged over the examples of all batches. A ``Task`` is evaluated on its validation split.
        metrics: functions by name. Each is called like ``loss`` and returns a scalar for one replica. Without
            ``validation`` they are measured on the tensors of ``data``, or on the task's validation split.
        monitor: name of the metric that selects each replica's best step. ``"loss"``: the validation loss or,
            without ``validation``, the mean training loss since the last evaluation.
        mode: ``"min"`` if the lowest value of ``monitor`` is best, ``"max"`` if the highest is.
        eval_every: steps between two evaluations. Default: ``steps / 20``.
        restore_best: end with each replica's best weights and buffers; if False, with the last ones.
        lr_schedule: a function ``optimizer -> scheduler`` of ``torch.optim.lr_scheduler`` (a class or a partial),
            or one of ours (:class:`LinearDecay`, :class:`StepDecay`, :class:`Warmup`), which returns a factor on
            the learning rate. Stepped once per training step.
        grad_clip: the largest norm of one replica's gradient, or a :class:`Clip`.
        grad_noise: noise that is added to the gradients after clipping.
        penalties: terms that are added to the loss.
        stop_when: ``stop_when(history)`` is called after every evaluation. True ends the training.
        callbacks: see :class:`Callback`.
        checkpoint: path of a file. The training is saved there and, if the file exists, resumed from it. A
            finished training continues if ``steps`` is larger than before.
        compile: fuse the step with ``torch.compile``, once for each shape of a batch.
        vectorize: True: compute all replicas at once with ``vmap``, or fail. False: compute them one after
            another. ``"auto"``: use ``vmap`` if possible, else warn once and compute them one after another.
        num_threads: CPU threads during the training. Default: 1 if the work of a step is too small to share,
            else torch's current number of threads.

    Returns:
        The measured values, by step and replica.

    Raises:
        ValueError: an argument cannot be used. The message names it.
        TypeError: ``replicas`` or ``optimizer`` has the wrong type.
        CheckpointError: the checkpoint is damaged, or belongs to another training.
        KeyboardInterrupt: Ctrl-C was pressed. With a checkpoint the state is saved first.

    A resumed training gives bit-identical results with tensors, a ``Task`` or no data. A loader that has
    ``state_dict`` is restored as well. Any other loader starts its epoch again, with a warning.
    """
    _check_replicas(replicas)
    _check_counts(steps=steps, eval_every=eval_every, num_threads=num_threads)
    _check_sequences(penalties=penalties, callbacks=callbacks)
    _check_choice("mode", mode, ("min", "max"))
    _check_choice("vectorize", vectorize, ("auto", True, False))
    _check_monitor(monitor, metrics or {}, only_by_key=data is None and validation is not None)
    device = replicas.device
    share = num_threads is None and device.type == "cpu" and torch.get_num_threads() > 1
    first = FirstStep(vectorize, torch.get_num_threads() if share else None)
    if vectorize is False:
        replicas.vectorized = False  # for evaluations
    feed = feed_of(data, batch_size, replicas.seeds, device)

    def step_loss(model: nn.Module, key: Tensor, batch: Any) -> Tensor:
        return loss(model, key) if isinstance(feed, NoData) else call_on_batch(loss, model, batch)

    config = TrainConfig(
        loss=step_loss,
        optimizer=lambda parameters: _optimizer(optimizer, parameters),
        steps=steps,
        evaluate=evaluation_of(replicas, loss, metrics or {}, data, validation, batch_size),
        eval_every=eval_every or max(1, steps // EVALUATIONS),
        monitor=monitor,
        mode=mode,
        data=feed,
        penalties=tuple(penalties),
        lr_scheduler=None if lr_schedule is None else lambda optimizer: _scheduler(lr_schedule, optimizer),
        grad_clip=Clip(norm=grad_clip) if isinstance(grad_clip, int | float) else grad_clip,
        grad_noise=grad_noise,
        stop_when=stop_when,
        callbacks=tuple(callbacks),
        compile=compile,
        gradients=first,
    )
    path = None if checkpoint is None else _check_path(Path(checkpoint))
    with thread_limit(1 if share else num_threads):
        history = _run(replicas, config, path)
    if restore_best and len(history.steps):
        replicas.load_state_dict(history.best)
    return history


def _check_replicas(replicas: Replicas) -> None:
    if not isinstance(replicas, Replicas):
        raise TypeError(
            f"train takes Replicas, got {type(replicas).__name__}: wrap a single module as Replicas([module])"
        )
    if not replicas.trainable:
        raise ValueError("all parameters are frozen: there is nothing to train")


def _check_counts(**counts: int | None) -> None:
    for name, count in counts.items():
        least = 0 if name == "steps" else 1
        if count is not None and count < least:
            raise ValueError(f"{name}={count} must be at least {least}")


def _check_choice(name: str, value: object, known: tuple[object, ...]) -> None:
    if value not in known:
        raise ValueError(f"{name}={value!r} must be one of {', '.join(map(repr, known))}")


def _check_sequences(**values: object) -> None:
    for name, value in values.items():
        if not isinstance(value, list | tuple):
            raise ValueError(f"{name} must be a list, got {type(value).__name__}")


def _check_monitor(monitor: str, metrics: Metrics, *, only_by_key: bool) -> None:
    if not isinstance(metrics, Mapping):
        raise ValueError(f'metrics must be a dict of functions, such as {{"mae": f}}, got {type(metrics).__name__}')
    for name in RESERVED & metrics.keys():
        raise ValueError(f"a metric cannot be called {name!r}: the history has a column with that name")
    if monitor != "loss" and monitor not in metrics:
        known = f", or one of {', '.join(map(repr, metrics))}" if metrics else ", or pass it in metrics"
        raise ValueError(f"monitor={monitor!r} is not a metric: use 'loss'{known}")
    if only_by_key and not metrics:
        raise ValueError("without data the loss takes a key: pass metrics to measure on the validation data")


def _check_path(path: Path) -> Path:
    """Fail now, not at the first checkpoint, if ``path`` cannot be written to."""
    if path.is_dir():
        raise ValueError(f"checkpoint={str(path)!r} is a folder: pass the path of a file")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _optimizer(optimizer: Callable[[list[Tensor]], Optimizer], parameters: list[Tensor]) -> Optimizer:
    example = "such as partial(torch.optim.Adam, lr=1e-3)"
    if isinstance(optimizer, Optimizer) or not callable(optimizer):
        raise TypeError(f"optimizer must be a function of the list of stacked parameters, {example}")
    made = optimizer(parameters)
    if not isinstance(made, Optimizer):
        raise TypeError(f"optimizer must make a torch optimizer, {example}; it made {type(made).__name__}")
    own = {id(each) for each in parameters}
    if any(id(each) not in own for group in made.param_groups for each in group["params"]):
        raise ValueError(f"optimizer must use only the parameters that it is called with, {example}")
    if isinstance(made, torch.optim.LBFGS):
        raise ValueError("LBFGS evaluates the loss several times per step: train needs another optimizer")
    return made


def _scheduler(lr_schedule: LRSchedule, optimizer: Optimizer) -> LRScheduler:
    """Make the torch scheduler from ``lr_schedule``.

    Raises:
        ValueError: ``lr_schedule`` is not a schedule, or needs a metric at every step.
    """
    if isinstance(lr_schedule, SCHEDULES):
        return LambdaLR(optimizer, lambda step: lr_schedule(step))
    try:
        made = lr_schedule(optimizer)  # type: ignore[arg-type]
    except (TypeError, AttributeError) as error:
        raise ValueError(f"{_NO_SCHEDULE}; {lr_schedule!r} failed: {error}") from error
    if isinstance(made, ReduceLROnPlateau):
        raise ValueError(f"{_NO_SCHEDULE}; ReduceLROnPlateau steps on a metric, not on the step")
    if not isinstance(made, LRScheduler):
        raise ValueError(f"{_NO_SCHEDULE}; {lr_schedule!r} returned {type(made).__name__}")
    return made


_NO_SCHEDULE = (
    "lr_schedule must be a function optimizer -> torch scheduler, such as "
    "lambda optimizer: LambdaLR(optimizer, lambda step: 0.99**step), or one of extrapolate.training's schedules"
)


def _run(replicas: Replicas, config: TrainConfig, checkpoint: Path | None) -> History:
    """Run the loop with a progress bar. With a checkpoint, the first Ctrl-C or SIGTERM saves the state."""
    with terminal_progress(config.steps) as progress:
        if checkpoint is None:
            return run_training(replicas, config, progress=progress)
        with stop_on_signals() as flag:
            progress.stops = lambda: bool(flag)
            try:
                history = run_training(replicas, config, checkpoint=checkpoint, progress=progress)
                message = f"stopped at the last step; the training is saved in {checkpoint}"
            except Interrupted as stopped:
                history, message = None, f"{stopped}; run it again to resume from {checkpoint}"
    if flag.signal is not None:
        sys.stderr.write(f"{message}\n")
        signal.raise_signal(flag.signal)
    if history is None:
        raise KeyboardInterrupt(message)
    return history
