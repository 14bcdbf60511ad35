"""Experiments in their old form, until the last of them is a function."""

from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import polars as pl

from extrapolate.experiments.curves import Drawn
from extrapolate.experiments.execute import Files, _parquet
from extrapolate.experiments.old import Staged
from extrapolate.threads import thread_limit
from extrapolate.training.checkpoint import Checkpoint, serialize
from extrapolate.training.loop import run_training
from extrapolate.training.watch import Watch


@dataclass(frozen=True)
class LegacyJob:
    origin: str
    config: Any
    name: str
    checkpoints: Path

    def __call__(self, watch: Watch) -> Files:
        experiment = resolve_name(self.origin)
        part = next(each for each in experiment.parts(self.config) if each.name == self.name)
        with thread_limit(1):
            replicas = part.replicas()
            plan = part.plan(replicas)
            base = self.checkpoints
            checkpoint = base.with_name(f"{base.name}.checkpoint.safetensors")
            history = run_training(replicas, plan, checkpoint=checkpoint, watch=watch)
            replicas.load_state_dict(history.best)
            if isinstance(part, Staged):
                later = base.with_name(f"{base.name}.later.safetensors")
                part = part.go_on(replicas, later, _Later(plan.steps, watch))
            rows = part.rows(replicas, history)
            extras = part.extras(replicas, rows)
        files = {"weights.safetensors": serialize(Checkpoint(replicas.state, part.about()))}
        files |= {f"{name}.parquet": _parquet(table) for name, table in extras.items()}
        return files | {"parquet": _parquet(rows)}


@dataclass(frozen=True)
class _Later:
    before: int
    watch: Watch

    def progress(self, step: int, solved: int | None) -> None:
        self.watch.progress(self.before + step, solved)

    def stop_requested(self) -> bool:
        return self.watch.stop_requested()


@dataclass(frozen=True)
class LegacyTraining:
    name: str
    part: Any
    models: int = 1
    steps: int = 1

    @property
    def measure_steps(self) -> int:
        return self.part.more_steps if isinstance(self.part, Staged) else 0

    def replicas(self) -> Any:
        return self.part.replicas()


class Legacy:
    """An experiment of the old form, as the runner wants it."""

    def __init__(self, origin: str) -> None:
        self.origin, self.old = origin, resolve_name(origin)
        self.name, self.title = self.old.name, self.old.title
        self.source, self.presets = self.old.source, self.old.presets
        self.outline, self.notes, self.claims = self.old.outline, self.old.notes, self.old.claims
        self.draw = self.old.curves if isinstance(self.old, Drawn) else None

    def jobs(self, config: Any) -> dict[str, LegacyTraining]:
        return {part.name: LegacyTraining(part.name, part) for part in self.old.parts(config)}

    def job(self, config: Any, name: str, checkpoints: Path) -> LegacyJob:
        return LegacyJob(self.origin, config, name, checkpoints)

    def summary(self, results: pl.DataFrame) -> pl.DataFrame:
        return self.old.summary(results, None)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.old, name)
