"""``train`` with a checkpoint: an interrupted and resumed training equals an uninterrupted one."""

import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch import nn as torch_nn
from torch.optim import lr_scheduler
from torch.utils.data import DataLoader, TensorDataset

from bits import assert_equal
from extrapolate import nn
from extrapolate._runtime.progress import stop_on_signals
from extrapolate.optim import GradientNoise
from extrapolate.training import CheckpointError, History, LinearDecay, Penalty, Replicas, Warmup, loop, train
from extrapolate.training.checkpoint import Checkpoint, write
from extrapolate.training.work import FLOPS, WORTH_SHARING
from sums import Sums, X, Y, after_step, mse, mse_by_key

STEPS = 40
ADAM = partial(torch.optim.Adam, lr=0.01)


@pytest.fixture(autouse=True)
def _check_for_signals_after_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "PROGRESS_SECONDS", -1.0)


def model() -> torch_nn.Module:
    return torch_nn.Sequential(
        torch_nn.Linear(2, 8), torch_nn.BatchNorm1d(8), torch_nn.Dropout(0.3), nn.StochasticNMU(8, 1)
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a" / "new folder" / "training.safetensors"


def fit(path: Path | str | None = None, **settings: Any) -> tuple[Replicas, History]:
    usual = {"loss": mse, "data": (X, Y), "steps": STEPS, "optimizer": ADAM}
    arguments: dict[str, Any] = usual | {"factory": model, "seeds": (1, 5, 3)} | settings
    torch.manual_seed(int(torch.randint(99, ())))  # what was sampled before must not matter
    replicas = Replicas.build(arguments.pop("factory"), arguments.pop("seeds"))
    return replicas, train(replicas, checkpoint=path, **arguments)


COSINE = partial(lr_scheduler.CosineAnnealingLR, T_max=STEPS)
ONE_CYCLE = partial(lr_scheduler.OneCycleLR, max_lr=0.1, total_steps=STEPS)
TRAININGS: dict[str, dict[str, Any]] = {
    "tensors": {"lr_schedule": COSINE},
    "tensors, one by one": {"vectorize": False, "lr_schedule": LinearDecay(STEPS)},
    "a task": {"data": Sums(), "validation": Sums(), "lr_schedule": ONE_CYCLE},
    "no data": {"data": None, "loss": mse_by_key, "metrics": {"error": mse_by_key}, "monitor": "error"},
    "a mapping": {"data": {"x": X, "y": Y}, "optimizer": partial(torch.optim.SGD, lr=0.01, momentum=0.9)},
    "one for each": {"data": [(X, Y), (-X, -Y), (2 * X, 2 * Y)], "grad_clip": 1.0, "mode": "max"},
}


def run(name: str, path: Path | str | None = None, **more: Any) -> tuple[Replicas, History]:
    usual = {"eval_every": 7, "grad_noise": GradientNoise(0.01, seed=1)}
    return fit(path, **(usual | (TRAININGS | SETTINGS)[name] | more))


def interrupted(at: int, path: Path | None, name: str = "tensors", **more: Any) -> None:
    """Press Ctrl-C after ``at`` steps."""

    def interrupt(step: int, replicas: Replicas, optimizer: torch.optim.Optimizer) -> None:
        if step == at:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run(name, path, callbacks=[after_step(interrupt)], **more)


def assert_same(actual: tuple[Replicas, History], expected: tuple[Replicas, History]) -> None:
    (one, its), (other, others) = actual, expected
    assert_equal(one.state_dict(), other.state_dict())
    assert_equal((its.steps, its.train_loss, its.metrics), (others.steps, others.train_loss, others.metrics))
    assert_equal((its.best, its.best_step), (others.best, others.best_step))


SCHEDULERS: dict[str, Any] = {
    "MultiStepLR": partial(lr_scheduler.MultiStepLR, milestones=[5, 12], gamma=0.5),
    "SequentialLR": lambda optimizer: lr_scheduler.SequentialLR(
        optimizer,
        [lr_scheduler.LinearLR(optimizer, total_iters=8), lr_scheduler.ExponentialLR(optimizer, 0.9)],
        milestones=[8],
    ),
    "ChainedScheduler": lambda optimizer: lr_scheduler.ChainedScheduler(
        [lr_scheduler.ConstantLR(optimizer, total_iters=4), lr_scheduler.ExponentialLR(optimizer, 0.9)]
    ),
    "CosineAnnealingWarmRestarts": partial(lr_scheduler.CosineAnnealingWarmRestarts, T_0=6),
    "CyclicLR": partial(lr_scheduler.CyclicLR, base_lr=1e-4, max_lr=1e-3, step_size_up=5),
    "LambdaLR": partial(lr_scheduler.LambdaLR, lr_lambda=lambda step: 0.9**step),
    "PolynomialLR": partial(lr_scheduler.PolynomialLR, total_iters=30),
}


MOMENTUM = partial(torch.optim.SGD, lr=1e-3, momentum=0.9, nesterov=True)
LATE = Penalty(Warmup(30, 10), lambda model: model.penalty())  # type: ignore[operator]
SETTINGS: dict[str, dict[str, Any]] = {
    **{name: {"lr_schedule": schedule, "optimizer": MOMENTUM} for name, schedule in SCHEDULERS.items()},
    "a learning rate that is a tensor": {
        "lr_schedule": partial(lr_scheduler.ExponentialLR, gamma=0.9),
        "optimizer": lambda parameters: torch.optim.Adam(parameters, lr=torch.tensor(0.01)),
    },
    "one evaluation": {"eval_every": STEPS},
    "AdamW, AMSGrad": {"optimizer": partial(torch.optim.AdamW, lr=2e-3, amsgrad=True)},
    "fused Adam": {"optimizer": partial(torch.optim.Adam, lr=2e-3, fused=True)},
    "SGD": {"optimizer": partial(torch.optim.SGD, lr=1e-3)},
    "RMSprop": {"optimizer": partial(torch.optim.RMSprop, lr=1e-3)},
    "bfloat16": {
        "factory": partial(nn.NMU, 2, 1, dtype=torch.bfloat16),
        "penalties": [LATE],
        "validation": (X, Y),
    },
}
STOPS = [(1,), (7,), (33,), (5, 14, 22, 23, 39)]
CASES = [(name, stops) for name in TRAININGS for stops in STOPS]
CASES += [(name, (10,)) for name in SETTINGS]
CASES += [(name, (STEPS,)) for name in ("tensors", "a task", "one evaluation")]


@pytest.mark.parametrize(("name", "stops"), CASES)
def test_a_resumed_training_equals_an_uninterrupted_one(name: str, stops: tuple[int, ...], path: Path) -> None:
    for stop in stops:
        interrupted(stop, path, name)
    assert_same(run(name, path), run(name))


def test_ctrl_c_prints_how_to_resume(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    interrupted(3, path)
    assert f"stopped at step 3 of 40; run it again to resume from {path}" in capsys.readouterr().err


def test_ctrl_c_without_a_checkpoint_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    interrupted(3, None)
    assert list(tmp_path.iterdir()) == []


def test_metrics_that_were_not_measured_from_the_start_are_refused(path: Path) -> None:
    run("tensors", path, steps=14)
    with pytest.raises(ValueError, match="the metrics are now loss, but were none"):
        run("tensors", path, validation=(X, Y))


def test_a_finished_training_has_a_checkpoint_and_is_not_repeated(path: Path) -> None:
    first, steps = run("tensors", str(path)), []
    assert path.exists(), "also if it took less time than the interval between checkpoints"
    count = after_step(lambda step, replicas, optimizer: steps.append(step))
    assert_same(run("tensors", path, callbacks=[count]), first)
    assert not steps


def test_more_steps_continue_a_finished_training(path: Path) -> None:
    run("no data", path, steps=21)
    assert_same(run("no data", path), run("no data"))
    with pytest.raises(CheckpointError, match="at step 40, after the last step 21"):
        run("no data", path, steps=21)


@pytest.mark.parametrize(
    ("interval", "every", "resumed_at"),
    [("CHECKPOINT_SECONDS_BETWEEN", STEPS, 19), ("CHECKPOINT_SECONDS", 7, 15)],
    ids=["between evaluations", "at evaluations"],
)
def test_a_training_that_fails_is_resumed_from_its_last_checkpoint(
    interval: str, every: int, resumed_at: int, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, interval, -1.0)

    def fail(step: int, replicas: Replicas, optimizer: torch.optim.Optimizer) -> None:
        if step == 19:
            raise MemoryError

    with pytest.raises(MemoryError):
        run("tensors", path, callbacks=[after_step(fail)], eval_every=every)
    steps: list[int] = []
    count = after_step(lambda step, replicas, optimizer: steps.append(step))
    resumed = run("tensors", path, callbacks=[count], eval_every=every)
    assert steps[0] == resumed_at
    assert_same(resumed, run("tensors", eval_every=every))


class Stateful:
    """A loader whose position can be saved, like torchdata's StatefulDataLoader."""

    def __init__(self) -> None:
        self.at = 0

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        while self.at < 5:
            self.at += 1
            yield X[: 6 * self.at], Y[: 6 * self.at]
        self.at = 0

    def state_dict(self) -> dict[str, int]:
        return {"at": self.at}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.at = state["at"]


@pytest.mark.parametrize("step", [5, 8, 10])
def test_a_loader_with_a_state_is_restored_even_at_the_end_of_its_epoch(step: int, path: Path) -> None:
    interrupted(step, path, data=Stateful(), steps=13)
    assert_same(run("tensors", path, data=Stateful(), steps=13), run("tensors", data=Stateful(), steps=13))


def test_any_other_loader_starts_its_epoch_again_with_one_warning(path: Path) -> None:
    loader = DataLoader(TensorDataset(X, Y), batch_size=8)
    interrupted(6, path, data=loader, steps=13)
    message = "DataLoader has no state_dict: .* starts its epoch again"
    with pytest.warns(RuntimeWarning, match=message) as caught:
        run("tensors", path, data=loader, steps=13)
    assert len(caught) == 1


#: The setting that differs in the training that finds the checkpoint, and the error message.
OTHERS: dict[str, tuple[dict[str, Any], str]] = {
    "size": ({"factory": lambda: nn.StochasticNMU(2, 3)}, "another model: tensor"),
    "seeds": ({"seeds": (1, 5, 4)}, "its seeds is"),
    "optimizer": ({"optimizer": partial(torch.optim.SGD, lr=0.1)}, "its optimizer is Adam, not SGD"),
    "schedule": ({"lr_schedule": LinearDecay(50)}, "its schedule is"),
    "measure": ({"metrics": {"error": mse}, "monitor": "error"}, "its monitor is"),
    "mode": ({"mode": "max"}, "its mode is min, not max"),
    "batch size": ({"batch_size": 9}, "its batch size is 128, not 9"),
    "rows": ({"data": (X[:20], Y[:20])}, "its rows of data is 30, not 20"),
    "kind of data": ({"data": Sums()}, "its data is"),
    "values of data": ({"data": (X, 2 * Y)}, "its digest of the data is"),
    "rate": ({"optimizer": partial(torch.optim.Adam, lr=0.5)}, "its optimizer settings is .*lr=0.01"),
    "model": ({"factory": lambda: torch_nn.Linear(2, 1)}, "another model: tensor"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_checkpoint_of_another_training_is_refused(name: str, path: Path) -> None:
    other, message = OTHERS[name]
    fit(path, steps=2)
    before = path.read_bytes()
    with pytest.raises(CheckpointError, match=f"checkpoint {path} is of .*{message}"):
        fit(path, **other)
    assert path.read_bytes() == before


def test_a_file_without_a_training_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "weights.safetensors", Checkpoint({"a": torch.ones(2)}, {"of": "something else"}))
    with pytest.raises(CheckpointError, match="holds no training"):
        fit(tmp_path / "weights.safetensors")


def threads_in(width: int, batch: int, **settings: Any) -> int:
    """Return the number of threads in a training with layers of this width, if torch is set to two threads."""
    seen: list[int] = []
    look = after_step(lambda step, replicas, optimizer: seen.append(torch.get_num_threads()))

    def wide() -> torch_nn.Module:
        return torch_nn.Sequential(
            torch_nn.Linear(2, width), torch_nn.Linear(width, width), torch_nn.Linear(width, 1)
        )

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        fit(None, factory=wide, seeds=(0, 1), steps=2, batch_size=batch, callbacks=[look], **settings)
        assert torch.get_num_threads() == 2, "the user's setting is restored"
    finally:
        torch.set_num_threads(before)
    assert len(set(seen)) == 1
    return seen[0]


def test_a_small_training_uses_one_thread_and_a_large_one_the_users_unless_num_threads_is_set() -> None:
    """The limit: products that take 1 ms, with 2 (replicas) x 2 x batch x width x width operations."""
    width = 256
    limit = round(FLOPS * WORTH_SHARING / (4 * width * width))
    assert threads_in(width, int(0.8 * limit)) == 1
    assert threads_in(width, int(1.3 * limit)) == 2
    assert threads_in(8, 16) == 1
    assert threads_in(8, 16, num_threads=2) == 2
    assert threads_in(256, 512, num_threads=1) == 1


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Handle SIGINT, which is ignored if the tests were started in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_sets_the_flag_and_the_second_interrupts(number: signal.Signals) -> None:
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    with stop_on_signals() as flag:
        assert not flag
        signal.raise_signal(number)
        assert flag
        assert flag.signal == number
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == before
