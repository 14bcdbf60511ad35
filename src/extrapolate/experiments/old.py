"""Experiments in their old form: settings, parts to train, and claims judged on the results."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import polars as pl

from extrapolate.experiments.findings import Claim, interval_of
from extrapolate.experiments.intervals import Estimate
from extrapolate.training import History, Replicas
from extrapolate.training.train_config import TrainConfig
from extrapolate.training.watch import Watch


def measurement(id: str, claim: str, estimate: Estimate, why: str | None = None) -> Claim:
    return Claim(id, claim, None, estimate.value, interval_of(estimate), estimate.n, None, why)


class Settings(Protocol):
    """An experiment's options: a frozen dataclass whose fields the command offers as options."""

    @property
    def device(self) -> str: ...


class Part(Protocol):
    """Replicas that are trained together; the unit of resuming."""

    @property
    def name(self) -> str:
        """Safe as a file name, unique in the experiment."""
        ...

    def replicas(self) -> Replicas: ...

    def plan(self, replicas: Replicas) -> TrainConfig: ...

    def about(self) -> dict[str, Any]:
        """What a reader needs to rebuild the trained modules from their weights; JSON values."""
        ...

    def rows(self, replicas: Replicas, history: History) -> pl.DataFrame:
        """A row a trained model; ``replicas`` hold their best weights."""
        ...

    def extras(self, replicas: Replicas, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
        """Further tables by name, for the report."""
        ...


@runtime_checkable
class Staged(Protocol):
    """A part that goes on once its weights are trained: to learn masks over them, say."""

    @property
    def more_steps(self) -> int:
        """Steps of what follows, for the progress display."""
        ...

    def go_on(self, replicas: Replicas, checkpoint: Path, watch: Watch) -> Part:
        """The part with what it has found, whose rows and extras are then asked for.

        ``replicas`` hold their best weights. Saves its state in ``checkpoint`` and goes on from there.

        Raises:
            Interrupted: ``watch`` asked to stop.
        """
        ...


class Experiment(Protocol):
    """A published result: what to run, what must come out."""

    @property
    def name(self) -> str: ...

    @property
    def title(self) -> str: ...

    @property
    def source(self) -> str: ...

    @property
    def presets(self) -> Mapping[str, Any]: ...

    def outline(self, settings: Any) -> str:
        """In a line: how many models of what are trained, and for how long."""
        ...

    def parts(self, settings: Any) -> Sequence[Part]: ...

    def notes(self, settings: Any) -> list[str]:
        """What a reader of the results must know about how they were made."""
        ...

    def summary(self, results: pl.DataFrame, settings: Any) -> pl.DataFrame: ...

    def claims(self, results: pl.DataFrame, settings: Any) -> list[Claim]: ...
