"""Carries an experiment out, part by part, into its folder; goes on where an earlier run stopped."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from extrapolate.experiments.curves import Drawn
from extrapolate.experiments.experiment import Claim, Experiment, Part
from extrapolate.experiments.folder import RunFolder, read_table, write_json, write_table
from extrapolate.experiments.main_guard import end_if_importing_main
from extrapolate.experiments.manifest import cpu_seconds, new_manifest, now
from extrapolate.experiments.options import written
from extrapolate.experiments.workers import Display, Job, carry_out_all


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
    workers: int = 1,
) -> Outcome:
    """Runs what is left of ``experiment`` in ``folder``, ``workers`` parts at once.

    As soon as a part is finished it is on disk; results, summary and claims of all so far follow soon after.

    Raises:
        Interrupted: the display's watch asked to stop; the same call goes on from there.
        UserError: the folder belongs to something else, is in use, holds damaged files, or is full.
    """
    end_if_importing_main()
    place = RunFolder(folder)
    with place.locked():
        manifest = new_manifest(experiment, settings, preset, command)
        earlier = place.claim_for(experiment.name, written(settings))
        if earlier is not None:
            kept = ("started", "finished", "seconds", "cpu_seconds", "preset")
            manifest |= {key: earlier[key] for key in kept if key in earlier}
        write_json(place.manifest, manifest)
        preset, parts = manifest["preset"], experiment.parts(settings)
        began, began_cpu = time.monotonic() - manifest["seconds"], cpu_seconds() - manifest["cpu_seconds"]

        def note_time() -> None:
            manifest["seconds"] = round(time.monotonic() - began, 1)
            manifest["cpu_seconds"] = round(cpu_seconds() - began_cpu, 1)
            write_json(place.manifest, manifest)

        def gather() -> None:
            note_time()
            _gather(experiment, settings, preset, place, parts)

        try:
            _carry_out(_unfinished(parts, place, display), display, workers, gather)
        finally:
            note_time()
        results, claims = _gather(experiment, settings, preset, place, parts)
        manifest["finished"] = manifest["finished"] or now()
        write_json(place.manifest, manifest)
    return Outcome(folder, results, claims)


def _unfinished(parts: Sequence[Part], place: RunFolder, display: Display) -> list[Job]:
    jobs = []
    for index, part in enumerate(parts):
        if place.part(part.name, "parquet").exists():
            display.skipped(part.name)
        else:
            jobs.append(Job(part, index, len(parts), place))
    return jobs


def _carry_out(jobs: Sequence[Job], display: Display, workers: int, gather: Callable[[], object]) -> None:
    """Carries the jobs out; gathers when stopped, and after a part unless that takes over a tenth of the time."""
    due, gathered = 0.0, True
    try:
        for _ in carry_out_all(jobs, display, workers):
            gathered = False
            if (began := time.monotonic()) >= due:
                gather()
                gathered = True
                due = time.monotonic() + 9 * (time.monotonic() - began)
    finally:
        if not gathered:
            gather()


def _gather(
    experiment: Experiment, settings: Any, preset: str, place: RunFolder, parts: Sequence[Part]
) -> tuple[pl.DataFrame, list[Claim]]:
    """Writes the results, summary, claims and extra tables of the parts that are finished."""
    finished = [part for part in parts if place.part(part.name, "parquet").exists()]
    results = pl.concat([read_table(place.part(part.name, "parquet")) for part in finished])
    claims = experiment.claims(results, settings)
    write_table(place.path / "results.parquet", results)
    write_table(place.path / "summary.parquet", experiment.summary(results, settings))
    if isinstance(experiment, Drawn):
        write_table(place.path / "curves.parquet", experiment.curves(results, settings))
    write_json(place.path / "claims.json", [asdict(claim) | {"preset": preset} for claim in claims])
    for name in _extra_names(place, finished):
        paths = [place.part(part.name, f"{name}.parquet") for part in finished]
        tables = [read_table(path) for path in paths if path.exists()]
        write_table(place.path / f"{name}.parquet", pl.concat(tables))
    return results, claims


def _extra_names(place: RunFolder, parts: list[Part]) -> set[str]:
    """Tables beside the rows: ``PART.NAME.parquet`` gives NAME."""
    return {
        path.name.removeprefix(f"{part.name}.").removesuffix(".parquet")
        for part in parts
        for path in (place.path / "parts").glob(f"{part.name}.*.parquet")
    }
