"""An interrupted training ends, once resumed, with exactly the numbers of an undisturbed one."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import polars as pl
import pytest
import torch
from polars.testing import assert_frame_equal
from torch import Tensor
from torch import nn as torch_nn

from extrapolate import nn, ops
from extrapolate._runtime.progress import Interrupted, stop_on_signals
from extrapolate.experiments import experiment_named
from extrapolate.training import CheckpointError, History, Penalty, Replicas, Warmup, loop
from extrapolate.training.checkpoint import read
from extrapolate.training.loop import run_training
from extrapolate.training.train_config import TrainConfig

STEPS, EVALUATE_EVERY = 60, 20
Factory = Callable[[], torch_nn.Module]
Optimizer = Callable[[list[Tensor]], torch.optim.Optimizer]


@pytest.fixture(autouse=True)
def _asked_after_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "PROGRESS_SECONDS", -1.0)


@dataclass
class StopAt:
    """Asks to stop once ``step`` steps are done."""

    step: int
    done: int = 0

    def progress(self, step: int, solved: int | None) -> None:
        self.done = step

    def stop_requested(self) -> bool:
        return self.done >= self.step


def loss(model: torch_nn.Module, key: Tensor, given: dict[str, Tensor]) -> Tensor:
    x = given["low"] + ops.uniform(key, (32, 2))
    return (model(x) - x[:, :1] * x[:, 1:]).square().mean()


def evaluate(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
    x = torch.tensor([[3.0, 4.0]])
    error = replicas.map(lambda model: (model(x) - 12).square().sum())
    return {"error": error, "double": 2 * error.double()}


def adam(parameters: list[Tensor]) -> torch.optim.Optimizer:
    return torch.optim.Adam(parameters, lr=2e-3, fused=True)


def plan(optimizer: Optimizer = adam) -> TrainConfig:
    return TrainConfig(
        loss=loss,
        optimizer=optimizer,
        steps=STEPS,
        evaluate=evaluate,
        eval_every=EVALUATE_EVERY,
        monitor="error",
        per_replica={"low": torch.tensor([1.0, -2.0, 0.1])},
        penalties=(Penalty(Warmup(45, 15)),),
        compile=False,
    )


MODELS: dict[str, Factory] = {
    "noise from keys": lambda: nn.StochasticNMU(2, 1),
    "dropout": lambda: torch_nn.Sequential(
        torch_nn.Linear(2, 16), torch_nn.Dropout(0.3), torch_nn.Linear(16, 1)
    ),
    "running averages": lambda: torch_nn.Sequential(
        torch_nn.Linear(2, 4), torch_nn.BatchNorm1d(4), torch_nn.Linear(4, 1)
    ),
    "bfloat16": lambda: nn.NMU(2, 1, dtype=torch.bfloat16),
}
OPTIMIZERS: dict[str, Optimizer] = {
    "AdamW, AMSGrad": lambda p: torch.optim.AdamW(p, lr=2e-3, amsgrad=True),
    "SGD": lambda p: torch.optim.SGD(p, lr=1e-3),
    "SGD, momentum": lambda p: torch.optim.SGD(p, lr=1e-3, momentum=0.9, nesterov=True),
    "RMSprop": lambda p: torch.optim.RMSprop(p, lr=1e-3),
}


def undisturbed(factory: Factory, plan: TrainConfig) -> tuple[Replicas, History]:
    torch.manual_seed(5)
    replicas = Replicas.build(factory, (0, 1, 2))
    return replicas, run_training(replicas, plan)


@cache
def undisturbed_model(name: str) -> tuple[Replicas, History]:
    return undisturbed(MODELS[name], plan())


def interrupted(
    factory: Factory, plan: TrainConfig, path: Path, stops: tuple[int, ...]
) -> tuple[Replicas, History]:
    """Stopped at each of ``stops``, every time continued with fresh objects, as by a new process."""
    torch.manual_seed(5)
    for stop in stops:
        with pytest.raises(Interrupted, match=f"step {stop} of {STEPS}"):
            run_training(Replicas.build(factory, (0, 1, 2)), plan, checkpoint=path, watch=StopAt(stop))
        assert path.exists()
        torch.manual_seed(1000 + stop)  # what dropout draws from must come back with the checkpoint
    replicas = Replicas.build(factory, (0, 1, 2))
    return replicas, run_training(replicas, plan, checkpoint=path)


def assert_bit_for_bit(actual: tuple[Replicas, History], expected: tuple[Replicas, History]) -> None:
    for values, wanted in (
        (actual[0].parameters, expected[0].parameters),
        (actual[0].buffers, expected[0].buffers),
        (actual[1].best, expected[1].best),
        (actual[1].metrics, expected[1].metrics),
    ):
        assert values.keys() == wanted.keys()
        for name in wanted:
            assert values[name].dtype == wanted[name].dtype
            assert torch.equal(values[name], wanted[name]), name
    assert torch.equal(actual[1].steps, expected[1].steps)
    assert torch.equal(actual[1].best_step, expected[1].best_step)


@pytest.mark.parametrize("stops", [(1,), (20,), (31,), (7, 20, 21, 40, 59)], ids=str)
@pytest.mark.parametrize("model", MODELS)
def test_resumed_training_equals_an_undisturbed_one(
    model: str, stops: tuple[int, ...], tmp_path: Path
) -> None:
    expected = undisturbed_model(model)
    actual = interrupted(MODELS[model], plan(), tmp_path / "checkpoint", stops)
    assert_bit_for_bit(actual, expected)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_state_of_any_elementwise_optimizer_comes_back(name: str, tmp_path: Path) -> None:
    each = plan(OPTIMIZERS[name])
    expected = undisturbed(MODELS["noise from keys"], each)
    assert_bit_for_bit(interrupted(MODELS["noise from keys"], each, tmp_path / "c", (31,)), expected)


def test_stop_that_comes_with_the_last_step_changes_nothing(tmp_path: Path) -> None:
    expected = undisturbed_model("dropout")
    torch.manual_seed(5)
    replicas = Replicas.build(MODELS["dropout"], (0, 1, 2))
    history = run_training(replicas, plan(), checkpoint=tmp_path / "c", watch=StopAt(STEPS))
    assert_bit_for_bit((replicas, history), expected)
    # asked again, the finished training is read back without a step
    again = Replicas.build(MODELS["dropout"], (0, 1, 2))
    assert_bit_for_bit(
        (again, run_training(again, plan(), checkpoint=tmp_path / "c", watch=StopAt(1))), expected
    )


def test_stop_without_a_checkpoint_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Interrupted):
        run_training(Replicas.build(MODELS["dropout"], (0, 1, 2)), plan(), watch=StopAt(3))
    assert list(tmp_path.iterdir()) == []


def test_crash_goes_on_from_the_last_evaluation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    expected = undisturbed_model("dropout")
    evaluations = []

    def failing(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
        evaluations.append(1)
        if len(evaluations) == 2:
            raise MemoryError
        return evaluate(replicas, keys)

    torch.manual_seed(5)
    with pytest.raises(MemoryError):
        run_training(
            Replicas.build(MODELS["dropout"], (0, 1, 2)),
            replace(plan(), evaluate=failing),
            checkpoint=tmp_path / "c",
        )
    assert read(tmp_path / "c").about["step"] == EVALUATE_EVERY
    replicas = Replicas.build(MODELS["dropout"], (0, 1, 2))
    assert_bit_for_bit((replicas, run_training(replicas, plan(), checkpoint=tmp_path / "c")), expected)


@pytest.mark.parametrize(
    ("factory", "seeds", "best_by"),
    [
        (lambda: nn.StochasticNMU(2, 1), (0, 1, 3), "error"),
        (lambda: nn.StochasticNMU(2, 1), (0, 1, 2), "double"),
        (lambda: nn.StochasticNMU(2, 3), (0, 1, 2), "error"),
        (lambda: nn.MLP(2, 1), (0, 1, 2), "error"),
    ],
    ids=["other seeds", "other measure", "other size", "other model"],
)
def test_checkpoint_of_another_training_is_refused_and_left_alone(
    factory: Factory, seeds: tuple[int, ...], best_by: str, tmp_path: Path
) -> None:
    path = tmp_path / "c"
    with pytest.raises(Interrupted):
        run_training(
            Replicas.build(MODELS["noise from keys"], (0, 1, 2)), plan(), checkpoint=path, watch=StopAt(25)
        )
    content = path.read_bytes()
    with pytest.raises(CheckpointError, match=str(path)):
        run_training(Replicas.build(factory, seeds), replace(plan(), monitor=best_by), checkpoint=path)
    assert path.read_bytes() == content


def test_damaged_checkpoint_stops_once_and_then_the_training_starts_anew(tmp_path: Path) -> None:
    factory, path = MODELS["noise from keys"], tmp_path / "c"
    expected = undisturbed_model("noise from keys")
    with pytest.raises(Interrupted):
        run_training(Replicas.build(factory, (0, 1, 2)), plan(), checkpoint=path, watch=StopAt(25))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match=str(path)):
        run_training(Replicas.build(factory, (0, 1, 2)), plan(), checkpoint=path)
    replicas = Replicas.build(factory, (0, 1, 2))
    assert_bit_for_bit((replicas, run_training(replicas, plan(), checkpoint=path)), expected)


# --------------------------------------------------------------------------------------------- signals


@pytest.fixture
def interruptible() -> Iterator[None]:
    """SIGINT is heard, even if the tests were started in the background of a shell, where it is not."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_first_signal_asks_and_the_second_ends(number: signal.Signals) -> None:
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    with stop_on_signals() as flag:
        assert not flag
        signal.raise_signal(number)
        assert flag
        assert flag.signal == number
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == before


# --------------------------------------------------------------------------------------------- kill -9

DRIVER = """
import sys
from dataclasses import replace
from pathlib import Path
from extrapolate.experiments import experiment_named, run
from extrapolate.training import loop
from extrapolate._runtime.progress import Quiet

loop.CHECKPOINT_SECONDS = -1.0  # at every evaluation

class Display:
    def part(self, *about):
        return Quiet()
    def stop_requested(self):
        return False
    def skipped(self, name):
        print("skipped", name)

experiment = experiment_named("single-module")
settings = replace(
    experiment.presets["smoke"], seeds=2, steps=250, eval_every=5, samples=50, batch=16, compile=False
)
run(experiment, settings, preset="smoke", folder=Path(sys.argv[1]), command="test", display=Display())
"""


def driver(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())},
    )


def kill_once_exists(process: subprocess.Popen[str], checkpoint: Path) -> None:
    deadline = time.monotonic() + 120
    while not checkpoint.exists():
        assert process.poll() is None, "the run must not end before it is killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(0.1)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def finish(process: subprocess.Popen[str]) -> list[str]:
    told, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return told.split()


@pytest.mark.slow
def test_run_killed_in_the_middle_ends_with_the_rows_of_an_undisturbed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = experiment_named("single-module")
    first, second = experiment.jobs(experiment.presets["smoke"])
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    kill_once_exists(driver(killed), killed / "parts" / f"{second}.checkpoint.safetensors")
    assert (killed / "parts" / f"{first}.parquet").exists()
    assert not (killed / "parts" / f"{second}.parquet").exists()

    assert finish(driver(killed)) == ["skipped", first]
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", None)  # the driver sets it
    monkeypatch.setattr(sys, "argv", ["driver", str(undisturbed)])
    exec(DRIVER, {"__name__": "driver"})

    for name in ("results.parquet", "summary.parquet", "surfaces.parquet"):
        assert_frame_equal(
            pl.read_parquet(killed / name), pl.read_parquet(undisturbed / name), check_exact=True
        )
    assert (killed / "claims.json").read_text() == (undisturbed / "claims.json").read_text()
    for part in (first, second):
        weights, expected = (
            read(folder / "parts" / f"{part}.weights.safetensors") for folder in (killed, undisturbed)
        )
        assert weights.about == expected.about
        assert weights.tensors.keys() == expected.tensors.keys()
        assert all(torch.equal(weights.tensors[name], expected.tensors[name]) for name in expected.tensors)
    # whatever the killed process was writing is not in the way
    left = {each.name for each in (killed / "parts").iterdir() if not each.name.startswith(".")}
    assert left == {each.name for each in (undisturbed / "parts").iterdir()}
