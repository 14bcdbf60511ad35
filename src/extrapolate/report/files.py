"""Read the files of a run's output folder into a frozen `Folder`."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import polars as pl

from extrapolate._runtime.errors import UserError
from extrapolate._runtime.run_folder import check_format
from extrapolate.experiments.ledger import Claim
from extrapolate.report.words import printable, value

FLOAT, INTEGER, FLAG, TEXT = pl.Float64(), pl.Int64(), pl.Boolean(), pl.String()

_CELL = {"model": TEXT, "task": TEXT, "split": TEXT}

COLUMNS: Mapping[str, Mapping[str, pl.DataType]] = {
    "results.parquet": _CELL | {"solved": FLAG},
    "summary.parquet": _CELL | {"measure": TEXT, "n": INTEGER, **dict.fromkeys(("estimate", "low", "high"), FLOAT)},
    "surfaces.parquet": _CELL
    | {"seed": INTEGER, "solved": FLAG}
    | dict.fromkeys(("train_low", "train_high", "x0", "x1", "true", "learned"), FLOAT),
}
"""Columns that the figures need, with their types. A file may have other columns, or lack some of these."""

EXPECTED = ("results.parquet", "summary.parquet", "claims.json")
"""Files of every finished run; `surfaces.parquet` is optional."""


class ReportError(UserError):
    """A folder without a usable run. The message names the file and what to do."""


@dataclass(frozen=True)
class Manifest:
    """The contents of `manifest.json` as printable text: experiment, settings, versions, machine, times."""

    experiment: str
    title: str
    source: str
    preset: str
    command: str
    started: str
    finished: str | None
    seconds: float | None
    cpu_seconds: float | None
    settings: Mapping[str, str]
    versions: Mapping[str, str]
    machine: Mapping[str, str]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Folder:
    """A run's output folder. A table is None if its file is missing; `missing` lists such files for the page."""

    path: Path
    manifest: Manifest
    results: pl.DataFrame | None
    summary: pl.DataFrame | None
    surfaces: pl.DataFrame | None
    claims: tuple[Claim, ...]
    missing: tuple[str, ...]

    @property
    def finished(self) -> bool:
        return self.manifest.finished is not None

    @property
    def findings(self) -> tuple[Claim, ...]:
        return tuple(claim for claim in self.claims if claim.published is not None)

    @property
    def measurements(self) -> tuple[Claim, ...]:
        return tuple(claim for claim in self.claims if claim.published is None)


def extra_table(folder: Folder, file: str, columns: Collection[str]) -> pl.DataFrame | None:
    """Read a table that only some experiments write; None if missing, unreadable or without one of ``columns``."""
    try:
        frame = pl.read_parquet(folder.path / file)
    except (pl.exceptions.PolarsError, OSError):
        return None
    return frame if set(frame.columns) >= set(columns) else None


def has(frame: pl.DataFrame | None, file: str) -> bool:
    """Return whether `frame` has rows and all columns of `file` that the figures need."""
    return frame is not None and frame.height > 0 and set(COLUMNS[file]) <= set(frame.columns)


def read(folder: Path) -> Folder:
    """Read a run's output folder; only `manifest.json` is required.

    Raises:
        ReportError: there is no such folder or manifest, or a file is damaged.
        UserError: the run has another format.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ReportError(f"{folder}: no such folder; choose the output folder of an `extrapolate run`")
    manifest = _manifest(folder / "manifest.json")
    results, summary, surfaces = (_frame(folder / name) for name in COLUMNS)
    claims = _claims(folder / "claims.json")
    contents = {"results.parquet": results, "summary.parquet": summary, "claims.json": claims}
    missing = []
    for name in EXPECTED:
        content = contents[name]
        if content is None:
            missing.append(f"{name} does not exist")
        elif len(content) == 0:
            missing.append(f"{name} has no rows")
    return Folder(folder, manifest, results, summary, surfaces, claims or (), tuple(missing))


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> ReportError:
    reason = printable(str(error) or type(error).__name__).strip()[:120]
    return ReportError(f"{path}: cannot be read ({reason}); delete it and run the same command again")


def _manifest(path: Path) -> Manifest:
    if not path.is_file():
        raise ReportError(f"{path}: no such file; choose the output folder of an `extrapolate run`")
    content = _json(path)
    if not isinstance(content, dict) or not isinstance(content.get("experiment"), str):
        raise ReportError(f"{path}: names no experiment; choose the output folder of an `extrapolate run`")
    content = cast(dict[str, Any], content)
    check_format(path, content)
    notes = content.get("notes") or []
    finished = content.get("finished")
    return Manifest(
        experiment=printable(content["experiment"]),
        title=_text(content, "title") or printable(content["experiment"]),
        source=_text(content, "source"),
        preset=_text(content, "preset"),
        command=_text(content, "command"),
        started=_text(content, "started"),
        finished=None if finished is None else printable(str(finished)),
        seconds=amount(content.get("seconds")),
        cpu_seconds=amount(content.get("cpu_seconds")),
        settings=_flat(content.get("settings")),
        versions=_flat(content.get("versions")),
        machine=_flat(content.get("machine")),
        notes=tuple(value(note) for note in (notes if isinstance(notes, list) else [notes])),
    )


def _text(content: dict[str, Any], key: str) -> str:
    found = content.get(key)
    return "" if found is None else printable(str(found))


def _flat(mapping: object) -> dict[str, str]:
    if not isinstance(mapping, dict):
        return {}
    return {printable(str(key)): value(item) for key, item in mapping.items()}


def amount(item: object) -> float | None:
    """Return `item` as a float if it is a number (a bool is not), else None."""
    return float(item) if isinstance(item, int | float) and not isinstance(item, bool) else None


def _claims(path: Path) -> tuple[Claim, ...] | None:
    if not path.is_file():
        return None
    content = _json(path)
    if not isinstance(content, list) or not all(isinstance(item, dict) for item in content):
        raise ReportError(f"{path}: is not a list of claims; delete it and run the same command again")
    return tuple(_claim(item) for item in content)


def _claim(item: dict[str, Any]) -> Claim:
    ends = item.get("interval")
    low, high = map(amount, ends) if isinstance(ends, list) and len(ends) == 2 else (None, None)
    return Claim(
        id=_text(item, "id"),
        claim=_text(item, "claim"),
        published=item.get("published"),
        measured=item.get("measured"),
        interval=None if low is None or high is None else (low, high),
        n=_exactly(int, item.get("n")),
        holds=_exactly(bool, item.get("holds")),
        why=_text(item, "why"),
    )


def _exactly(kind: type, item: Any) -> Any:
    """Return ``item`` if its type is exactly ``kind``, else None; a bool is not an int."""
    return item if type(item) is kind else None


def _frame(path: Path) -> pl.DataFrame | None:
    if not path.is_file():
        return None
    try:
        frame = pl.read_parquet(path)
        types = {name: kind for name, kind in COLUMNS[path.name].items() if name in frame.columns}
        frame = frame.cast(cast(Any, types), strict=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise _unreadable(path, error) from error
    texts = [name for name, kind in frame.schema.items() if kind == pl.String]
    return frame.with_columns(
        pl.col(name).fill_null("–").map_elements(printable, return_dtype=pl.String) for name in texts
    )
