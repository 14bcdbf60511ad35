"""Carries an experiment out, part by part, into its folder; goes on where an earlier run stopped."""

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from extrapolate.experiments.experiment import Claim, Experiment, Part
from extrapolate.experiments.folder import RunFolder, read_table, write_json, write_table
from extrapolate.experiments.manifest import new_manifest, now
from extrapolate.experiments.options import written
from extrapolate.training import Watch, train
from extrapolate.training.checkpoint import Checkpoint
from extrapolate.training.checkpoint import write as write_tensors


class Display(Protocol):
    """Shows a person how the run goes."""

    def part(self, name: str, index: int, parts: int, replicas: int, steps: int) -> Watch:
        """Part ``index`` of ``parts`` begins; returns what its training reports to."""
        ...

    def skipped(self, name: str) -> None:
        """A part that an earlier run finished."""
        ...


@dataclass(frozen=True)
class Outcome:
    """A finished run."""

    folder: Path
    results: pl.DataFrame
    claims: list[Claim]


def run(
    experiment: Experiment,
    settings: Any,
    *,
    preset: str,
    folder: Path,
    command: str,
    display: Display,
) -> Outcome:
    """Runs what is left of ``experiment`` in ``folder``.

    Every finished part is on disk, with the results, summary and claims of all parts so far, before the next
    begins.

    Raises:
        Interrupted: the display's watch asked to stop; the same call goes on from there.
        UserError: the folder belongs to something else, is in use, or holds damaged files.
    """
    place = RunFolder(folder)
    with place.locked():
        manifest = new_manifest(experiment, settings, preset, command)
        if place.claim_for(experiment.name, written(settings)):
            earlier = json.loads(place.manifest.read_text(encoding="utf-8"))
            manifest |= {key: earlier[key] for key in ("started", "finished", "seconds", "preset")}
        write_json(place.manifest, manifest)
        parts = experiment.parts(settings)
        for index, part in enumerate(parts):
            if place.part(part.name, "parquet").exists():
                display.skipped(part.name)
                continue
            began = time.monotonic()
            try:
                _carry_out(part, place, display, index, len(parts))
            finally:
                manifest["seconds"] += round(time.monotonic() - began, 1)
                write_json(place.manifest, manifest)
            _gather(experiment, settings, preset, place, parts[: index + 1])
        results, claims = _gather(experiment, settings, preset, place, parts)
        manifest["finished"] = manifest["finished"] or now()
        write_json(place.manifest, manifest)
    return Outcome(folder, results, claims)


def _carry_out(part: Part, place: RunFolder, display: Display, index: int, parts: int) -> None:
    """Trains one part and writes all it leaves; its rows come last, since they mark it as finished."""
    replicas = part.replicas()
    plan = part.plan(replicas)
    watch = display.part(part.name, index, parts, len(replicas), plan.steps)
    checkpoint = place.part(part.name, "checkpoint.safetensors")
    history = train(replicas, plan, checkpoint=checkpoint, watch=watch)
    replicas.parameters = history.best
    rows = part.rows(replicas, history)
    for name, table in part.extras(replicas, rows).items():
        write_table(place.part(part.name, f"{name}.parquet"), table)
    write_tensors(
        place.part(part.name, "weights.safetensors"), Checkpoint(replicas.parameters, part.about())
    )
    write_table(place.part(part.name, "parquet"), rows)
    checkpoint.unlink(missing_ok=True)


def _gather(
    experiment: Experiment, settings: Any, preset: str, place: RunFolder, parts: Any
) -> tuple[pl.DataFrame, list[Claim]]:
    """Writes the results, summary, claims and extra tables of the parts that are finished."""
    finished = [part for part in parts if place.part(part.name, "parquet").exists()]
    results = pl.concat([read_table(place.part(part.name, "parquet")) for part in finished])
    claims = experiment.claims(results, settings)
    write_table(place.path / "results.parquet", results)
    write_table(place.path / "summary.parquet", experiment.summary(results, settings))
    write_json(place.path / "claims.json", [asdict(claim) | {"preset": preset} for claim in claims])
    for name in _extra_names(place, finished):
        tables = [read_table(path) for part in finished if (path := place.part(part.name, f"{name}.parquet")).exists()]
        write_table(place.path / f"{name}.parquet", pl.concat([table for table in tables if table.width]))
    return results, claims


def _extra_names(place: RunFolder, parts: list[Part]) -> set[str]:
    """Tables beside the rows: ``PART.NAME.parquet`` gives NAME."""
    return {
        path.name.removeprefix(f"{part.name}.").removesuffix(".parquet")
        for part in parts
        for path in (place.path / "parts").glob(f"{part.name}.*.parquet")
    }
