"""The error messages for worker processes that end before their work is finished."""

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import silent
from extrapolate._runtime.errors import UserError
from extrapolate._runtime.main_guard import explain_ended_workers
from extrapolate._runtime.progress import Progress
from extrapolate.experiments import get_experiment, run
from extrapolate.experiments.options import with_options
from silent import Silent

SCRIPT = """
from pathlib import Path
from extrapolate.experiments import get_experiment, run
from silent import Silent

experiment = get_experiment("single-module")
settings = experiment.presets["smoke"]
run(experiment, settings, preset="smoke", folder=Path("out"), command="test", display=Silent(), workers=2)
"""


@pytest.mark.slow
def test_the_error_names_a_script_without_a_main_guard_and_the_line_to_add(tmp_path: Path) -> None:
    script = tmp_path / "my_study.py"
    script.write_text(SCRIPT)
    paths = os.pathsep.join([*sys.path, str(Path(silent.__file__).parent)])
    ran = subprocess.run(
        [sys.executable, script.name],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 1
    message = ran.stderr.splitlines()[-1]
    assert message.startswith("extrapolate._runtime.errors.UserError: worker processes failed to start")
    assert "my_study.py" in message
    assert 'if __name__ == "__main__":' in message
    assert "out of memory" not in ran.stderr
    assert "in use by another" not in ran.stderr
    assert "bootstrapping" not in ran.stderr


class Killing(Silent):
    """Kills the workers when one has started its part, as a system out of memory does."""

    def start_training(self, name: str, index: int, parts: int, replicas: int, steps: int) -> Progress:
        for worker in multiprocessing.active_children():
            assert worker.pid is not None
            os.kill(worker.pid, signal.SIGKILL)
        return super().start_training(name, index, parts, replicas, steps)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_a_killed_worker_is_reported_as_killed(tmp_path: Path) -> None:
    experiment = get_experiment("single-module")
    settings = with_options(experiment.presets["smoke"], {"steps": "100000"})
    with pytest.raises(UserError, match=r"a training process was killed \(out of memory\?\)") as caught:
        run(
            experiment,
            settings,
            preset="smoke",
            folder=tmp_path,
            command="test",
            display=Killing(),
            workers=2,
        )
    assert "__main__" not in str(caught.value)


def test_exit_codes_distinguish_a_failed_start_from_a_kill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "my_study.py"
    script.touch()
    monkeypatch.setattr(sys.modules["__main__"], "__file__", str(script), raising=False)
    assert f"each one runs {script} again" in explain_ended_workers([1, -signal.SIGTERM])
    assert "out of memory" in explain_ended_workers([-9, -signal.SIGTERM])
    monkeypatch.setattr(sys.modules["__main__"], "__file__", "<stdin>")
    assert "<stdin> is not a file: save it" in explain_ended_workers([1, 1])
