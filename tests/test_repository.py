"""The repository has no large files, and one definition of the version."""

import subprocess
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

import extrapolate

ROOT = Path(__file__).parents[1]

#: The largest file that may be committed: the trained networks of the package are smaller.
LARGEST_KIB = 700


def committed_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git clone")
    return [path for name in listed.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]


def test_no_file_is_large() -> None:
    files = committed_files()
    assert len(files) > 300
    large = {str(path.relative_to(ROOT)): path.stat().st_size >> 10 for path in files}
    assert {name: size for name, size in large.items() if size > LARGEST_KIB} == {}, "KiB; runs belong in runs/"


def test_the_version_is_defined_once() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert "version" not in project
    assert version("extrapolate") == extrapolate.__version__
