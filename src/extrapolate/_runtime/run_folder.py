"""The output folder of a run: used by one process at a time, with one experiment and one set of settings."""

import errno
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from filelock import FileLock, Timeout

from extrapolate._runtime.errors import UserError
from extrapolate._runtime.files import replacing, write_text

#: Version of a run's files. It increases if columns, options or keys change.
FORMAT = 2

#: Keys that a manifest needs so that its run can be resumed.
MANIFEST_NEEDS = {
    "experiment": str,
    "settings": dict,
    "preset": str,
    "started": str,
    "finished": str | None,
    "seconds": float | int,
}


@dataclass(frozen=True)
class RunFolder:
    """The folder with all files of a run."""

    path: Path

    @property
    def manifest(self) -> Path:
        return self.path / "manifest.json"

    def part(self, name: str, suffix: str) -> Path:
        """Return the path of a file of one part, under ``parts/``."""
        return self.path / "parts" / f"{name}.{suffix}"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Lock the folder for this process; the system releases the lock when the process ends, even if killed."""
        try:
            self._refuse_foreign_files()
            self.path.mkdir(parents=True, exist_ok=True)
            with FileLock(self.path / ".lock", timeout=0):
                yield
        except Timeout:
            text = f"{self.path} is in use by another extrapolate process: wait for it, or choose another --out"
            raise UserError(text) from None
        except (NotADirectoryError, FileExistsError) as error:
            raise UserError(f"{error.filename} is a file: choose a folder as --out") from None
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                text = f"no space left on {self.path}: free some space and run the same command again"
            elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.EISDIR):
                text = f"cannot write to {self.path}: {error.strerror}; choose another --out"
            else:
                raise
            raise UserError(text) from None

    def claim_for(self, experiment: str, settings: dict[str, str]) -> dict[str, Any] | None:
        """Check that the folder is new or belongs to this run; return its manifest, or None if it is new."""
        (self.path / "parts").mkdir(exist_ok=True)
        if not self.manifest.exists():
            self._refuse_foreign_files()
            return None
        try:
            found = self.read_manifest()
        except UserError as error:
            raise UserError(f"{error}: choose another --out") from None
        before = found["settings"]
        if found["experiment"] != experiment:
            held = f"a run of {found['experiment']!r}, not of {experiment!r}"
            raise UserError(f"{self.path} holds {held}: choose another --out")
        for name in sorted(settings.keys() | before.keys()):
            if settings.get(name) != before.get(name):
                held = f"--{name.replace('_', '-')} {before.get(name)!r}, not {settings.get(name)!r}"
                raise UserError(f"{self.path} holds a run with {held}: choose another --out")
        return found

    def _refuse_foreign_files(self) -> None:
        """Refuse a folder that has other files: the folder of a run has a manifest, or what a killed run left."""
        if self.manifest.exists() or not self.path.is_dir():
            return
        foreign = {path.name for path in self.path.iterdir() if not path.match(".*.tmp")} - {
            ".lock",
            "parts",
        }
        if foreign:
            text = f"{self.path} is not empty and holds no run (it contains {min(foreign)}): choose another --out"
            raise UserError(text)

    def read_manifest(self) -> dict[str, Any]:
        """Read the manifest.

        Raises:
            UserError: the manifest is missing, damaged, or of another format.
        """
        try:
            found = json.loads(self.manifest.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UserError(f"{self.manifest}: no such file; choose the folder of a run") from None
        except (ValueError, OSError) as error:
            raise UserError(f"{self.manifest} cannot be read ({error})") from None
        if not isinstance(found, dict):
            raise UserError(f"{self.manifest} is not the manifest of a run")
        check_format(self.manifest, found)
        for name, kind in MANIFEST_NEEDS.items():
            if name not in found or not isinstance(found[name], kind):
                raise UserError(f"{self.manifest} is damaged (it has no valid {name})")
        return found


def check_format(path: Path, manifest: dict[str, Any]) -> None:
    """Raise a UserError if the run of this manifest has another format."""
    if (found := manifest.get("format", 1)) != FORMAT:
        raise UserError(
            f"{path} was written by another version of extrapolate (format {found}, this version reads {FORMAT}): "
            "run the experiment again in another folder"
        )


def write_json(path: Path, value: Any) -> None:
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_table(path: Path, table: pl.DataFrame) -> None:
    with replacing(path) as temporary:
        table.write_parquet(temporary)


def read_table(path: Path) -> pl.DataFrame:
    try:
        return pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"{path} cannot be read ({reason}): move it away and run the same command again to rebuild it"
        ) from None
