"""What an experiment yields: trainings of several models at once, and measurements without training."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import torch
from torch import Tensor, nn

from extrapolate._runtime.progress import Progress
from extrapolate.experiments.config import Settings
from extrapolate.training import History, Replicas
from extrapolate.training.metrics import Evaluate
from extrapolate.training.train_config import TrainConfig

#: A column of the results: one value for all rows, or a list with one value per row.
Column = Any


@dataclass(frozen=True)
class Context:
    """Where a running training saves its state and reports its steps. It is a ``Progress`` itself."""

    checkpoints: Path  # the paths of the checkpoint files begin with this one
    reporter: Progress
    offset: int = 0

    def checkpoint(self, name: str) -> Path:
        """Return the path of a checkpoint; the file is removed once the results are written."""
        return self.checkpoints.with_name(f"{self.checkpoints.name}.{name}.safetensors")

    def after(self, steps: int) -> "Context":
        """Return the context of work that follows after ``steps`` more steps."""
        return Context(self.checkpoints, self.reporter, self.offset + steps)

    def update(self, step: int, status: str = "") -> None:
        self.reporter.update(self.offset + step, status)

    def stop_requested(self) -> bool:
        return self.reporter.stop_requested()


@dataclass(frozen=True)
class Trained:
    """Models after their training: ``replicas`` hold their best weights. ``context`` is for long measurements."""

    replicas: Replicas
    history: History
    context: Context

    def vmap(self, function: Callable[[nn.Module], Any]) -> Any:
        """Return ``function(model)`` of each model without gradients, stacked: tensors (R, ...)."""
        with torch.no_grad():
            return self.replicas.vmap(function)


@dataclass(frozen=True)
class Measured:
    """Rows of the results, and further tables for the page by name."""

    rows: pl.DataFrame
    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Training:
    """Models that are trained at once. They differ by their seeds, and by labels that are lists.

    Args:
        name: the training's name, unique in the experiment and safe as a file name.
        labels: the first columns of the results: one value for all models, or a list with one value per model.
        build: makes a model.
        train: how the models are trained; None if ``measure`` trains them.
        measure: measures the trained models. It returns the columns after the labels and the seed, by name, or a
            :class:`Measured` with a table of its own.
        measure_steps: the steps of a long ``measure`` (training masks, long tests), which reports them to
            ``trained.context.after(steps)``. The results then depend on more than the weights in the run's folder.
        config: sets the device, and the number of seeds if ``seeds`` is empty.
    """

    name: str
    labels: Mapping[str, Column]
    build: Callable[[], nn.Module]
    train: TrainConfig | None
    measure: Callable[[Trained], Mapping[str, Column] | Measured]
    config: Settings
    seeds: Sequence[int] = ()
    measure_steps: int = 0

    def __post_init__(self) -> None:
        if not self.seeds:
            object.__setattr__(self, "seeds", range(self.config.seeds))  # type: ignore[attr-defined]

    @property
    def steps(self) -> int:
        return (self.train.steps if self.train else 0) + self.measure_steps

    @property
    def models(self) -> int:
        return len(self.seeds)

    def replicas(self) -> Replicas:
        """Build the models, before their training."""
        return Replicas.build(self.build, self.seeds, device=self.config.device)


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """A measurement without the training of models.

    ``measure`` reports ``steps`` steps. If it takes long, it saves its state in a checkpoint.
    """

    name: str
    measure: Callable[[Context], Measured]
    steps: int
    models: int = 1


Job = Training | Measurement


def at_first_use(make: Callable[[], Evaluate]) -> Evaluate:
    """Return an evaluation that makes its data when it is first called.

    A worker builds all trainings of an experiment to find its own one, so that slow or large data must wait.
    """
    made = cache(make)
    return lambda replicas, keys: made()(replicas, keys)


def first_below(history: History, metric: str, threshold: Tensor, solved: Sequence[bool]) -> pl.Series:
    """Return per model the first step with ``metric`` below its threshold; null for models that are not solved."""
    steps = history.first_below(metric, threshold)
    return pl.Series([at if ok else None for at, ok in zip(steps, solved, strict=True)], dtype=pl.Int64)


def as_rows(training: Training, columns: Mapping[str, Column]) -> pl.DataFrame:
    """Return one row per model: labels, seed, columns."""
    count = training.models
    every = {**training.labels, "seed": list(training.seeds), **columns}
    return pl.DataFrame([_series(name, value, count) for name, value in every.items()])


def _series(name: str, value: Column, count: int) -> pl.Series:
    if isinstance(value, pl.Series):
        return value.alias(name)
    if isinstance(value, Tensor):
        value = value.tolist()
    return pl.Series(name, value if isinstance(value, list) else [value] * count)
