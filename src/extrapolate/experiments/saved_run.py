"""Reads the folder of a run: its manifest, results, claims and trained modules."""

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from extrapolate._runtime.errors import UserError, unknown_name_error
from extrapolate._runtime.run_folder import RunFolder, read_table
from extrapolate.experiments.catalog import get_experiment
from extrapolate.experiments.findings import Claim
from extrapolate.experiments.options import with_options
from extrapolate.experiments.training import Job, Measurement

#: Columns of the results that together name a row.
LABELS = ("model", "task", "split", "seed")


class _Row(NamedTuple):
    """A row of the results: ``position`` is its index among the rows of ``training``."""

    training: Job
    position: int
    values: dict[str, Any]


@dataclass(frozen=True)
class Run:
    """The folder of a run, opened by :func:`load_run`. Reads JSON, Parquet and safetensors files only.

    ``manifest`` is the content of ``manifest.json``: the experiment, its settings, versions, machine and times.
    The other files are read at first use. A missing or damaged file raises :class:`UserError`.
    """

    path: Path
    manifest: dict[str, Any] = field(repr=False)

    @cached_property
    def results(self) -> pl.DataFrame:
        """The table ``results.parquet``: one row per trained model, or per test set of a model."""
        return read_table(self._require(self.path / "results.parquet"))

    @cached_property
    def claims(self) -> list[Claim]:
        """The claims of ``claims.json``: the measurements with the published findings."""
        path = self._require(self.path / "claims.json")
        try:
            found = []
            for item in json.loads(path.read_text(encoding="utf-8")):
                values = {each.name: item[each.name] for each in fields(Claim)}
                values["interval"] = values["interval"] and tuple(values["interval"])
                found.append(Claim(**values))
            return found
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path} is damaged ({error!r}): {self._remedy}") from None

    def model(self, **labels: Any) -> nn.Module:
        """Build the trained module of one row of the results, on the CPU and in evaluation mode.

        ``labels`` are values of columns that together match one row, such as
        ``run.model(model="NMU", split="U[1,2]", seed=3)``. The weights are those of the best evaluation; Madam's
        experiments measure their results at the last step instead. What an experiment adds to a network after
        its training (masks, rounding) is not in the folder; such a module comes with a warning.

        Raises:
            UserError: no row or several rows match, or a file of the part is missing, damaged, or was written by
                another version.
        """
        training, position, _ = _select(self._rows(), labels)
        if isinstance(training, Measurement):
            raise UserError(f"{training.name} is a measurement without a trained model: select a row of a training")
        replicas = training.replicas()
        weights = self._require(RunFolder(self.path).part(training.name, "weights.safetensors"))
        try:
            state = load_file(weights)
        except (SafetensorError, OSError) as error:
            raise UserError(f"{weights} is damaged ({error}): {self._remedy}") from None
        if {n: v.shape for n, v in state.items()} != {n: v.shape for n, v in replicas.state.items()}:
            raise UserError(
                f"{weights} does not fit the model of this version of extrapolate: load it with version "
                f"{self.manifest.get('versions', {}).get('extrapolate', 'that wrote it')}"
            )
        replicas.load_state_dict(state)
        if training.train is not None and training.measure_steps:
            warnings.warn(
                f"{training.name}: the run may have changed this network after its training (masks, rounding); "
                "the module has the weights from before such a change",
                stacklevel=2,
            )
        # a part with one network has one row per test set
        return replicas[0 if len(replicas) == 1 else position].eval()

    @property
    def _remedy(self) -> str:
        """What to do about a file that is missing or damaged."""
        command = self.manifest.get("command", f"extrapolate run {self.manifest['experiment']}")
        return f"load the folder of another run; this one was made by `{command}`"

    def _require(self, path: Path) -> Path:
        if not path.is_file():
            raise UserError(f"{path}: no such file; {self._remedy}")
        return path

    def _rows(self) -> list[_Row]:
        """Return the rows of the finished parts, in the order of the results."""
        experiment, folder = get_experiment(self.manifest["experiment"]), RunFolder(self.path)
        try:
            preset = experiment.presets[self.manifest["preset"]]
            settings = with_options(preset, self.manifest["settings"] | {"device": "cpu"})
        except (KeyError, UserError) as error:
            raise UserError(
                f"{folder.manifest} has settings that this version of extrapolate does not know ({error})"
            ) from None
        rows = []
        for name, training in experiment.jobs(settings).items():
            if (path := folder.part(name, "parquet")).exists():
                table = read_table(path).iter_rows(named=True)
                rows += [_Row(training, position, values) for position, values in enumerate(table)]
        if not rows:
            raise UserError(f"{self.path} holds no trained models (no parts/*.parquet): {self._remedy}")
        return rows


def load_run(folder: str | Path) -> Run:
    """Open the folder of a run, which ``extrapolate run --out`` or :func:`run` wrote.

    Raises:
        UserError: the path is not the folder of a run, or its manifest is damaged.
    """
    path = Path(folder)
    if not path.is_dir():
        raise UserError(f"{path}: no such folder: give the folder that `extrapolate run --out` wrote")
    return Run(path, RunFolder(path).read_manifest())


def _select(rows: Sequence[_Row], labels: Mapping[str, Any]) -> _Row:
    """Return the one row with these labels."""
    texts: list[str] = []
    for name, value in labels.items():
        if not any(name in row.values for row in rows):
            raise unknown_name_error("label", name, LABELS)
        texts.append(f"{name}={value!r}")
        matches = [row for row in rows if row.values.get(name) == value]
        if not matches:
            raise UserError(f"no row has {' and '.join(texts)}: {name} is one of {_list_values(rows, name)}")
        rows = matches
    if len(rows) > 1:
        open_labels = [name for name in LABELS if len({row.values[name] for row in rows}) > 1]
        missing = "; ".join(f"{name}, one of {_list_values(rows, name)}" for name in open_labels)
        raise UserError(f"{len(rows)} rows match {' and '.join(texts) or 'no labels'}: also give {missing}")
    return rows[0]


def _list_values(rows: Sequence[_Row], name: str) -> str:
    """List the first twelve different values of a label."""
    values = list(dict.fromkeys(repr(row.values.get(name)) for row in rows))
    return ", ".join([*values[:12], *(["..."] if len(values) > 12 else [])])
