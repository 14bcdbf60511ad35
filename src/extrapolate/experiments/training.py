"""What an experiment yields: models to train together, or a measurement without training."""

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

#: A column of the results: a value for all rows, or one for each.
Column = Any


@dataclass(frozen=True)
class Context:
    """Where a running training saves its state and reports its steps. It is a ``Progress``."""

    checkpoints: Path  # prefix of the checkpoint files
    reporter: Progress
    offset: int = 0

    def checkpoint(self, name: str) -> Path:
        """Return the path of a checkpoint file. The file is removed once the results are written."""
        return self.checkpoints.with_name(f"{self.checkpoints.name}.{name}.safetensors")

    def after(self, steps: int) -> "Context":
        """Return a context whose steps are counted from ``steps`` steps later."""
        return Context(self.checkpoints, self.reporter, self.offset + steps)

    def update(self, step: int, status: str = "") -> None:
        self.reporter.update(self.offset + step, status)

    def stop_requested(self) -> bool:
        return self.reporter.stop_requested()


@dataclass(frozen=True)
class Trained:
    """Trained models: ``replicas`` hold their best weights. Long measurements report to ``context``."""

    replicas: Replicas
    history: History
    context: Context

    def vmap(self, function: Callable[[nn.Module], Any]) -> Any:
        """Return ``function(model)`` for every model, stacked to tensors (R, ...), without gradients."""
        with torch.no_grad():
            return self.replicas.vmap(function)


@dataclass(frozen=True)
class Measured:
    """Rows of the results, and further tables for the page, by name."""

    rows: pl.DataFrame
    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Training:
    """Models that are trained together. They differ in their seeds, and in labels that are lists.

    Args:
        name: valid as a file name, unique in the experiment.
        labels: the first columns of the results: one value for all models, or a list with one per model.
        build: makes a model.
        train: the training arguments; None if ``measure`` trains the models.
        measure: measures the trained models. Returns columns by name, which follow the labels and the seed, or
            :class:`Measured` with a complete table.
        measure_steps: steps of a long ``measure`` (learning masks, long tests), which it reports to its context.
            The results then depend on more than the saved weights.
        config: sets the device, and the seeds if ``seeds`` is empty.
        seeds: the seed of each model.
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
        """Return the models before training."""
        return Replicas.build(self.build, self.seeds, device=self.config.device)


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """A measurement without training.

    ``measure`` reports ``steps`` steps, and saves a checkpoint if it takes long.
    """

    name: str
    measure: Callable[[Context], Measured]
    steps: int
    models: int = 1


Job = Training | Measurement


def at_first_use(make: Callable[[], Evaluate]) -> Evaluate:
    """Return an evaluation whose data are made at its first call.

    A process makes all trainings of an experiment to find its own, so slow or large data must be made later.
    """
    made = cache(make)
    return lambda replicas, keys: made()(replicas, keys)


def first_below(history: History, metric: str, threshold: Tensor, solved: Sequence[bool]) -> pl.Series:
    """Return the first step at which ``metric`` was below the threshold; null for models that are not solved."""
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
