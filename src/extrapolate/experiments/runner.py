"""Runs an experiment, training by training, and writes its folder; resumes an interrupted run."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from extrapolate._runtime.executor import Executor, LocalExecutor
from extrapolate._runtime.files import replacing
from extrapolate._runtime.machine import cpu_seconds, describe_machine, now, versions
from extrapolate._runtime.main_guard import end_if_importing_main
from extrapolate._runtime.progress import Progress
from extrapolate._runtime.run_folder import FORMAT, RunFolder, read_table, write_json, write_table
from extrapolate.experiments.execute import ROWS, WEIGHTS, Files, Job
from extrapolate.experiments.experiment import Experiment
from extrapolate.experiments.findings import Claim
from extrapolate.experiments.options import serialize_config
from extrapolate.experiments.training import Job as Training


class Display(Protocol):
    """Shows the progress of a run to the user."""

    def start_training(self, name: str, index: int, parts: int, replicas: int, steps: int) -> Progress:
        """Show that training ``index`` of ``parts`` starts; return the ``Progress`` that it reports to."""
        ...

    def skip_training(self, name: str) -> None:
        """Show that an earlier run finished this training."""
        ...

    def stop_requested(self) -> bool: ...


@dataclass(frozen=True)
class Outcome:
    """A finished run."""

    folder: Path
    results: pl.DataFrame
    claims: list[Claim]


def run(
    experiment: Experiment[Any],
    config: Any,
    *,
    preset: str,
    folder: Path,
    command: str,
    display: Display,
    workers: int = 1,
    executor: Executor | None = None,
) -> Outcome:
    """Run the unfinished trainings of ``experiment``, on ``workers`` processes of this machine or on ``executor``.

    Each training is written to ``folder`` when it is finished; results, summary and claims are updated soon after.

    Raises:
        Interrupted: the display requested a stop; the same call resumes the run.
        UserError: the folder belongs to another run, is in use, or holds damaged files; or the disk is full.
    """
    end_if_importing_main()
    trainings = experiment.jobs(config)  # before the folder is made, because data may be missing
    run_folder = RunFolder(folder)
    with run_folder.lock():
        manifest = new_manifest(experiment, config, preset, command)
        earlier = run_folder.claim_for(experiment.name, serialize_config(config))
        if earlier is not None:
            unchanged = ("started", "finished", "seconds", "cpu_seconds", "preset")
            manifest |= {key: earlier[key] for key in unchanged if key in earlier}
        running = _Run(experiment, config, run_folder, manifest, trainings, display)
        try:
            running.execute(executor or LocalExecutor(workers))
        finally:
            running.note_time()
        results, claims = running.aggregate()
        manifest["finished"] = manifest["finished"] or now()
        write_json(run_folder.manifest, manifest)
    return Outcome(folder, results, claims)


def new_manifest(experiment: Experiment[Any], config: Any, preset: str, command: str) -> dict[str, Any]:
    """Return the manifest of a new run: all that is needed to repeat it. The runner adds the times at the end."""
    return {
        "format": FORMAT,
        "experiment": experiment.name,
        "title": experiment.title,
        "source": experiment.source,
        "preset": preset,
        "settings": serialize_config(config),
        "command": command,
        "versions": versions(),
        "machine": describe_machine(config.device),
        "started": now(),
        "finished": None,
        "seconds": 0.0,
        "cpu_seconds": 0.0,
        "notes": experiment.notes(config),
    }


@dataclass
class _Run:
    """A run and its folder. Only the main process writes there; workers return the contents of their files."""

    experiment: Experiment[Any]
    config: Any
    folder: RunFolder
    manifest: dict[str, Any]
    trainings: Mapping[str, Training]
    display: Display
    began: float = field(default_factory=time.monotonic)
    began_cpu: float = field(default_factory=cpu_seconds)

    def __post_init__(self) -> None:
        self.began -= self.manifest["seconds"]
        self.began_cpu -= self.manifest["cpu_seconds"]
        self.note_time()

    def note_time(self) -> None:
        self.manifest["seconds"] = round(time.monotonic() - self.began, 1)
        self.manifest["cpu_seconds"] = round(cpu_seconds() - self.began_cpu, 1)
        write_json(self.folder.manifest, self.manifest)

    def execute(self, executor: Executor) -> None:
        """Execute the unfinished trainings; aggregate after a training, but for at most a tenth of the time."""
        names = self._list_unfinished()
        jobs = [Job(self.experiment, self.config, name, self.folder.path / "parts" / name) for name in names]
        due, aggregated = 0.0, True
        try:
            for index, files in executor.submit(jobs, _Monitor(self, names)):
                self._write(names[index], files)
                aggregated = False
                if (began := time.monotonic()) >= due:
                    self.aggregate()
                    aggregated = True
                    due = time.monotonic() + 9 * (time.monotonic() - began)
        finally:
            if not aggregated:
                self.aggregate()

    def _list_unfinished(self) -> list[str]:
        names = []
        for name in self.trainings:
            if self.folder.part(name, ROWS).exists():
                self.display.skip_training(name)
            else:
                names.append(name)
        return names

    def _write(self, name: str, files: Files) -> None:
        """Write a training's files (last the rows, which mark it as finished) and remove its checkpoints."""
        for suffix, content in files.items():
            with replacing(self.folder.part(name, suffix)) as temporary:
                temporary.write_bytes(content)
        for path in (self.folder.path / "parts").glob(f"{name}.*.safetensors"):
            if path != self.folder.part(name, WEIGHTS):
                path.unlink()

    def aggregate(self) -> tuple[pl.DataFrame, list[Claim]]:
        """Write the times, and the results, summary, claims and further tables of the finished trainings."""
        self.note_time()
        folder = self.folder
        finished = [name for name in self.trainings if folder.part(name, ROWS).exists()]
        results = pl.concat([read_table(folder.part(name, ROWS)) for name in finished])
        claims = self.experiment.claims(results, self.config)
        write_table(folder.path / "results.parquet", results)
        write_table(folder.path / "summary.parquet", self.experiment.summary(results))
        if self.experiment.draw is not None:
            write_table(folder.path / "curves.parquet", self.experiment.draw(results, self.config))
        preset = {"preset": self.manifest["preset"]}
        write_json(folder.path / "claims.json", [asdict(claim) | preset for claim in claims])
        tables: dict[str, list[pl.DataFrame]] = {}
        for each in finished:  # TRAINING.NAME.parquet is a part of the table NAME
            for path in (folder.path / "parts").glob(f"{each}.*.parquet"):
                tables.setdefault(path.name.removeprefix(f"{each}."), []).append(read_table(path))
        for name, parts in tables.items():
            write_table(folder.path / name, pl.concat(parts))
        return results, claims


@dataclass(frozen=True)
class _Monitor:
    """Shows the executor's jobs by the names and indices of their trainings."""

    run: _Run
    names: Sequence[str]

    def started(self, index: int) -> Progress:
        every, name = list(self.run.trainings), self.names[index]
        own = self.run.trainings[name]
        return self.run.display.start_training(name, every.index(name), len(every), own.models, own.steps)

    def stop_requested(self) -> bool:
        return self.run.display.stop_requested()
