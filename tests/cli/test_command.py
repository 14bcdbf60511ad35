"""The command: its output, its errors, the files it writes."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
import torch
from polars.testing import assert_frame_equal

from bits import assert_equal
from extrapolate._runtime.run_folder import RunFolder
from extrapolate.cli import main
from extrapolate.training.checkpoint import read

TINY = ["--units", "NMU,StochasticNMU", "--ranges", "U[1,2]; U[10,20]", "--seeds", "2", "--samples", "50"]
SHORT = [*TINY, "--steps", "40", "--eval-every", "20", "--workers", "1"]


class Ran:
    """A call of the command: its exit status and its output."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *arguments: str) -> None:
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        self.status = ended.value.code
        self.out, self.err = capsys.readouterr()

    @property
    def refusal(self) -> str:
        """The error message of a command that ends with status 2."""
        assert self.status == 2
        return self.err


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]):
    return lambda *arguments: Ran(capsys, *arguments)


SMOKE = ("run", "single-module", "--preset", "smoke")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("run", "singel-module"), "did you mean single-module?"),
        (("rnu",), "Did you mean 'run'?"),
        (("run", "single-module", "--preset", "laptp"), "did you mean laptop?"),
        ((*SMOKE, "--units", "NMUU"), "did you mean NMU?"),
        ((*SMOKE, "--units", ","), "no unit given"),
        ((*SMOKE, "--operations", "plus"), "choose from add, sub, mul, div"),
        ((*SMOKE, "--ranges", "U[2,1]"), "the low end must be less than the high end"),
        ((*SMOKE, "--ranges", "U[1,1]"), "the low end must be less than the high end"),
        ((*SMOKE, "--ranges", "U[nan,1]/U[1,2]"), "must be finite numbers"),
        ((*SMOKE, "--ranges", "U[3,4]"), "add a test range after a slash"),
        ((*SMOKE, "--ranges", "3 to 4"), "write it like U[-2,2]"),
        ((*SMOKE, "--seeds", "0"), "--seeds: 0 is too small"),
        ((*SMOKE, "--seeds", "many"), "is not a whole number"),
        ((*SMOKE, "--in-features", "1"), "must be at least 2"),
        ((*SMOKE, "--workers", "0"), "--workers"),
        ((*SMOKE, "--colour", "red"), "--colour"),
        (("report", "nowhere"), "no such folder"),
        (("report",), "DIR"),
    ],
)
def test_a_mistake_gets_one_line_and_status_2(run, arguments: tuple[str, ...], expected: str) -> None:
    ran = run(*arguments)
    assert ran.status == 2
    assert expected in ran.err
    assert ran.err.startswith("error: ")
    assert ran.err.count("\n") == 1
    assert ran.out == ""
    assert list(Path().iterdir()) == [], "nothing is left behind"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_without_a_device_is_an_error(run) -> None:
    assert "no CUDA device" in run(*SMOKE, "--device", "cuda").refusal


@pytest.mark.parametrize("command", [(), ("list",), ("run",), ("run", "single-module"), ("report",)])
def test_every_command_has_a_help_and_groups_print_it_without_arguments(run, command: tuple[str, ...]) -> None:
    ran = run(*command, "--help")
    assert ran.status == 0
    assert "Usage: extrapolate" in ran.out
    if command in ((), ("run",)):
        assert "Usage: extrapolate" in run(*command).out


def test_help_names_units_presets_and_defaults(run) -> None:
    text = " ".join(run("run", "single-module", "--help").out.replace("│", " ").split())
    assert "BatchStochasticNMU" in text
    assert "--preset paper" in text
    assert "laptop: 25" in text


def test_list_names_the_experiments(run) -> None:
    assert "single-module" in run("list").out
    experiments = {each["name"]: each for each in json.loads(run("list", "--json").out)}
    experiment = experiments["single-module"]
    assert experiment["presets"]["laptop"]["seeds"] == "25"
    assert set(experiment["presets"]) == {"smoke", "laptop", "paper"}


def test_a_run_ends_with_the_table_and_the_page(run) -> None:
    ran = run(*SMOKE, *SHORT, "--out", "here")
    assert ran.status == 0
    assert "U[10,20]" in ran.out
    assert str(Path("here/report.html").resolve()) in ran.out
    assert "StochasticNMU" in ran.err, "progress is printed during the training"
    assert pl.read_parquet("here/results.parquet").height == 2 * 2 * 2
    columns = {"solved", "solved_at", "sparsity_error", "validation_mse", "extrapolation_mse"}
    assert columns <= set(pl.read_parquet("here/results.parquet").columns)


def test_json_is_one_object_and_other_options_use_another_folder(run) -> None:
    first = json.loads(run(*SMOKE, *SHORT, "--json").out)
    again = run(*SMOKE, *SHORT, "--json")
    assert json.loads(again.out) == first
    assert "finished earlier" in again.err
    names = {"id", "claim", "published", "measured", "interval", "n", "holds", "preset"}
    assert names <= set(first["claims"][0])
    assert json.loads(run("report", first["folder"], "--json").out) == first
    other = json.loads(run(*SMOKE, *SHORT, "--batch", "3", "--json").out)
    assert other["folder"] != first["folder"], "other options use another folder"


def test_a_folder_of_another_setting_is_refused(run) -> None:
    assert run(*SMOKE, *SHORT, "--out", "here").status == 0
    before = Path("here/results.parquet").read_bytes()
    assert "--batch '128', not '64'" in run(*SMOKE, *SHORT, "--batch", "64", "--out", "here").refusal
    assert Path("here/results.parquet").read_bytes() == before
    manifest = Path("here/manifest.json")
    manifest.write_text(manifest.read_text().replace('"single-module"', '"neural-gpu"'))
    assert "'neural-gpu'" in run(*SMOKE, *SHORT, "--out", "here").refusal, "another experiment"


def test_the_folder_of_another_version_is_refused_and_not_changed(run) -> None:
    assert run(*SMOKE, *SHORT, "--out", "here").status == 0
    manifest = Path("here/manifest.json")
    old = manifest.read_text().replace('"format": 2,', "")
    manifest.write_text(old)
    for command in ((*SMOKE, *SHORT, "--out", "here"), ("report", "here")):
        assert "another version of extrapolate" in run(*command).refusal
    assert manifest.read_text() == old


def test_a_foreign_folder_a_file_and_a_folder_in_use_are_refused_and_not_changed(run) -> None:
    Path("mine").mkdir()
    Path("mine/thesis.tex").write_text("years of work")
    assert "thesis.tex" in run(*SMOKE, "--out", "mine").refusal
    assert [path.name for path in Path("mine").iterdir()] == ["thesis.tex"]
    assert "choose a folder" in run(*SMOKE, "--out", "mine/thesis.tex").refusal
    with RunFolder(Path("here")).lock():
        assert "in use" in run(*SMOKE, "--out", "here").refusal


@pytest.mark.parametrize("command", [("run", "single-module", "--out"), ("report",)])
def test_a_name_that_the_file_system_refuses_is_a_one_line_error(run, command: tuple[str, ...]) -> None:
    err = run(*command, "x" * 300).refusal
    assert err.splitlines()[-1].startswith("error: ")
    assert "Traceback" not in err


def test_a_damaged_checkpoint_is_named_and_kept(run) -> None:
    assert run(*SMOKE, *SHORT, "--out", "here").status == 0
    Path("here/parts/StochasticNMU-mul.parquet").unlink()
    Path("here/parts/StochasticNMU-mul.checkpoint.safetensors").write_bytes(b"\0" * 64)
    err = run(*SMOKE, *SHORT, "--out", "here").refusal
    assert "StochasticNMU-mul.checkpoint.safetensors is corrupt" in err
    assert list(Path("here/parts").glob("*.corrupt-1"))
    assert pl.read_parquet("here/results.parquet").height == 8, "earlier results are not changed"
    assert run(*SMOKE, *SHORT, "--out", "here").status == 0


def assert_resumes(run, folder: str, training: list[str]) -> None:
    """Resume the run in ``folder`` with one process: its results equal those of an uninterrupted run."""
    for each in (folder, "undisturbed"):
        assert run(*SMOKE, *training, "--out", each, "--workers", "1").status == 0
    one, other = (pl.read_parquet(f"{each}/results.parquet") for each in (folder, "undisturbed"))
    assert one.equals(other)


def start(*arguments: str, before: str = "") -> subprocess.Popen[str]:
    code = f"{before}\nfrom extrapolate.cli import main\nmain()"
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


LONG = [*TINY, "--steps", "3000", "--eval-every", "100"]
CHECKPOINTS = "from extrapolate.training import loop; loop.CHECKPOINT_SECONDS = -1.0  # at every evaluation"


@pytest.mark.slow
def test_a_killed_run_resumes_and_writes_the_files_of_an_uninterrupted_one(run) -> None:
    training = ["--seeds", "2", "--steps", "250", "--eval-every", "5", "--samples", "50", "--workers", "1"]
    process = start(*SMOKE, *training, "--out", "killed", before=CHECKPOINTS)
    deadline = time.monotonic() + 120
    while not Path("killed/parts/StochasticNMU-mul.checkpoint.safetensors").exists():
        assert process.poll() is None, "the run must not end before it is killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(0.1)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert Path("killed/parts/NMU-mul.parquet").exists()
    assert not Path("killed/parts/StochasticNMU-mul.parquet").exists()
    again = run(*SMOKE, *training, "--out", "killed")
    assert re.findall(r"(\S+): finished earlier", again.err) == ["NMU-mul"]
    assert run(*SMOKE, *training, "--out", "undisturbed").status == 0
    for name in ("results", "summary", "surfaces"):
        tables = (pl.read_parquet(f"{folder}/{name}.parquet") for folder in ("killed", "undisturbed"))
        assert_frame_equal(*tables, check_exact=True)
    assert Path("killed/claims.json").read_text() == Path("undisturbed/claims.json").read_text()
    for part in ("NMU-mul", "StochasticNMU-mul"):
        file = f"parts/{part}.weights.safetensors"
        weights, expected = (read(Path(folder) / file) for folder in ("killed", "undisturbed"))
        assert weights.metadata == expected.metadata
        assert_equal(weights.tensors, expected.tensors)
    # partial files of the killed process do no harm
    left = {each.name for each in Path("killed/parts").iterdir() if not each.name.startswith(".")}
    assert left == {each.name for each in Path("undisturbed/parts").iterdir()}


@pytest.mark.slow
def test_a_run_stopped_by_ctrl_c_resumes_with_the_same_results_for_any_number_of_workers(run) -> None:
    process = start(*SMOKE, *LONG, "--out", "stopped", "--workers", "2")
    assert process.stderr is not None
    for line in process.stderr:
        if "1/3,000" in line or "2/2" in line:
            break
    time.sleep(1.0)
    os.killpg(process.pid, signal.SIGINT)  # like a terminal: to the parent and its workers
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "run the same command again to resume" in err
    assert "Traceback" not in err
    assert list(Path("stopped/parts").glob("*.checkpoint.safetensors"))
    assert_resumes(run, "stopped", LONG)
    assert not list(Path("stopped/parts").glob("*.checkpoint.safetensors"))


def children_of(pid: int) -> set[int]:
    listed = subprocess.run(["ps", "--ppid", str(pid), "-o", "pid="], capture_output=True, text=True)
    return {int(word) for word in listed.stdout.split()}


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "zombie" not in Path(f"/proc/{pid}/status").read_text()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").exists(), reason="needs /proc")
def test_workers_end_with_a_killed_parent_and_the_next_run_does_the_rest(run) -> None:
    process = start(*SMOKE, *LONG, "--out", "killed", "--workers", "2")
    assert process.stderr is not None
    for line in process.stderr:
        if "2/2" in line:
            break
    workers = children_of(process.pid)
    assert len(workers) >= 2
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 20
    while any(map(alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not [pid for pid in workers if alive(pid)]
    assert_resumes(run, "killed", LONG)
