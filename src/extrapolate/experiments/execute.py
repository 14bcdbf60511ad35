"""Executes one training or measurement of an experiment, and returns the contents of its files."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from extrapolate._runtime.progress import Progress
from extrapolate._runtime.threads import thread_limit
from extrapolate.experiments.experiment import Experiment
from extrapolate.experiments.options import serialize_config
from extrapolate.experiments.training import Context, Measured, Measurement, Trained, Training, as_rows
from extrapolate.training import History
from extrapolate.training.checkpoint import Checkpoint, serialize
from extrapolate.training.loop import run_training

#: Contents of files by the suffix of their name: ``parquet`` (the rows), ``weights.safetensors``, ``NAME.parquet``.
Files = dict[str, bytes]

ROWS, WEIGHTS = "parquet", "weights.safetensors"


@dataclass(frozen=True)
class Job:
    """One training of an experiment, by name. The process that executes it builds it, so that it is not pickled.

    ``checkpoints``: the paths of its checkpoint files begin with this one.
    """

    experiment: Experiment[Any]
    config: Any
    name: str
    checkpoints: Path

    def __call__(self, progress: Progress) -> Files:
        """Train and measure, with one thread on the CPU.

        One thread: a step of some hundred small models is too short to split, and the results must not depend on the
        number of cores.

        Raises:
            Interrupted: ``progress`` requested a stop; the state is saved.
        """
        training = self.experiment.jobs(self.config)[self.name]
        context = Context(self.checkpoints, progress)
        with thread_limit(1):
            if isinstance(training, Measurement):
                return _tables(training.measure(context))
            return self._train(training, context)

    def _train(self, training: Training, context: Context) -> Files:
        replicas, steps = training.replicas(), 0
        history = History.of(replicas, "loss")
        if training.train is not None:
            steps = training.train.steps
            checkpoint = context.checkpoint("checkpoint")
            history = run_training(replicas, training.train, checkpoint=checkpoint, progress=context)
            replicas.load_state_dict(history.best)
        found = training.measure(Trained(replicas, history, context.after(steps)))
        measured = found if isinstance(found, Measured) else Measured(as_rows(training, found))
        metadata = {
            "experiment": self.experiment.name,
            "training": training.name,
            "settings": serialize_config(self.config),
            "seeds": list(training.seeds),
        }
        return {WEIGHTS: serialize(Checkpoint(replicas.state, metadata)), **_tables(measured)}


def _tables(measured: Measured) -> Files:
    """Return the tables as files. The rows come last: once they are written, the training counts as finished."""
    tables = {f"{name}.parquet": table for name, table in measured.tables.items()}
    return {name: _parquet(table) for name, table in (tables | {ROWS: measured.rows}).items()}


def _parquet(table: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.write_parquet(buffer)
    return buffer.getvalue()
