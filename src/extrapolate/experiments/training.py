"""What an experiment yields: models to train together, or a measurement of its own."""

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
    """Where a running training saves its state, and whom it reports its steps to (it is a ``Progress``)."""

    checkpoints: Path  # files begin with this path
    reporter: Progress
    offset: int = 0

    def checkpoint(self, name: str) -> Path:
        """A file to save a state in; it is removed once the results are written."""
        return self.checkpoints.with_name(f"{self.checkpoints.name}.{name}.safetensors")

    def after(self, steps: int) -> "Context":
        """For what follows ``steps`` steps more."""
        return Context(self.checkpoints, self.reporter, self.offset + steps)

    def update(self, step: int, status: str = "") -> None:
        self.reporter.update(self.offset + step, status)

    def stop_requested(self) -> bool:
        return self.reporter.stop_requested()


@dataclass(frozen=True)
class Trained:
    """Models after their training: ``replicas`` hold their best weights. ``context`` is for what takes long."""

    replicas: Replicas
    history: History
    context: Context

    def vmap(self, function: Callable[[nn.Module], Any]) -> Any:
        """``function(model)`` of every model without gradients, stacked: tensors (R, ...)."""
        with torch.no_grad():
            return self.replicas.vmap(function)


@dataclass(frozen=True)
class Measured:
    """Rows of the results, and further tables by name for the page."""

    rows: pl.DataFrame
    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Training:
    """Models that are trained at once: they differ by their seeds, and by labels that are lists.

    Args:
        name: safe as a file name, unique in the experiment.
        labels: the first columns of the results: a value for all models, or a list with one for each.
        build: makes a model.
        train: how they are trained; None where ``measure`` trains them.
        measure: what is measured of the trained models: columns by name that follow the labels and the seed,
            or :class:`Measured` with a table of its own.
        measure_steps: steps of a long ``measure``, which it reports to ``trained.context.after(steps)``: learning
            masks, long tests. The weights that are kept are then not all that the results tell of.
        config: gives the device, and the seeds unless ``seeds`` does.
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
        """The models before their training."""
        return Replicas.build(self.build, self.seeds, device=self.config.device)


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """Something that is measured without training models.

    ``measure`` reports ``steps`` steps, and saves its state in a checkpoint if it takes long.
    """

    name: str
    measure: Callable[[Context], Measured]
    steps: int
    models: int = 1


Job = Training | Measurement


def at_first_use(make: Callable[[], Evaluate]) -> Evaluate:
    """An evaluation whose data are made when it is first called.

    A process makes all trainings of an experiment to find its own: what takes long or much memory must wait.
    """
    made = cache(make)
    return lambda replicas, keys: made()(replicas, keys)


def first_below(history: History, metric: str, threshold: Tensor, solved: Sequence[bool]) -> pl.Series:
    """The step from which on ``metric`` was below the threshold first; null for models that are not solved."""
    steps = history.first_below(metric, threshold)
    return pl.Series([at if ok else None for at, ok in zip(steps, solved, strict=True)], dtype=pl.Int64)


def as_rows(training: Training, columns: Mapping[str, Column]) -> pl.DataFrame:
    """A row for each model: labels, seed, columns."""
    count = training.models
    every = {**training.labels, "seed": list(training.seeds), **columns}
    return pl.DataFrame([_series(name, value, count) for name, value in every.items()])


def _series(name: str, value: Column, count: int) -> pl.Series:
    if isinstance(value, pl.Series):
        return value.alias(name)
    if isinstance(value, Tensor):
        value = value.tolist()
    return pl.Series(name, value if isinstance(value, list) else [value] * count)
