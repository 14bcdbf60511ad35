"""``train`` with a checkpoint: interrupted and resumed, it ends with the numbers of an undisturbed training."""

import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch import nn as torch_nn
from torch.nn import functional as F
from torch.optim import lr_scheduler
from torch.utils.data import DataLoader, TensorDataset

from extrapolate import nn, ops
from extrapolate.optim import GradientNoise
from extrapolate.training import CheckpointError, History, LinearDecay, Replicas, loop, train
from extrapolate.training.feeds import LoaderFeed

X = torch.linspace(-1, 1, 60).view(30, 2)
Y = X.sum(1, keepdim=True)
STEPS = 40


@pytest.fixture(autouse=True)
def _ask_after_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "PROGRESS_SECONDS", -1.0)


def model() -> torch_nn.Module:
    return torch_nn.Sequential(
        torch_nn.Linear(2, 8), torch_nn.BatchNorm1d(8), torch_nn.Dropout(0.3), nn.StochasticNMU(8, 1)
    )


def mse(model: torch_nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return F.mse_loss(model(x), y)


def by_key(model: torch_nn.Module, key: Tensor) -> Tensor:
    return mse(model, *Sums().sample(16, key))


class Sums:
    """A task: two numbers in [-1, 1), and their sum."""

    def sample(self, batch: int, key: Tensor) -> tuple[Tensor, Tensor]:
        x = 2 * ops.uniform(key, (batch, 2)) - 1
        return x, x.sum(1, keepdim=True)

    def splits(self) -> dict[str, tuple[Tensor, Tensor]]:
        return {"validation": (X, Y)}

    def solved(self, prediction: Tensor, target: Tensor) -> Tensor:
        return (prediction - target).abs() < 0.05


@dataclass
class InterruptAt:
    """Presses Ctrl-C once ``steps`` steps are done."""

    steps: int

    def after_step(self, step: int, replicas: Replicas, optimizer: torch.optim.Optimizer) -> None:
        if step == self.steps:
            signal.raise_signal(signal.SIGINT)


ADAM = partial(torch.optim.Adam, lr=0.01)

TRAININGS: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "tensors": (mse, (X, Y), {"lr_schedule": partial(lr_scheduler.CosineAnnealingLR, T_max=STEPS)}),
    "tensors, one by one": (mse, (X, Y), {"vectorize": False, "lr_schedule": LinearDecay(STEPS)}),
    "a task": (
        mse,
        Sums(),
        {
            "validation": Sums(),
            "lr_schedule": partial(lr_scheduler.OneCycleLR, max_lr=0.1, total_steps=STEPS),
        },
    ),
    "no data": (by_key, None, {"metrics": {"error": by_key}, "monitor": "error"}),
    "a mapping": (mse, {"x": X, "y": Y}, {"optimizer": partial(torch.optim.SGD, lr=0.01, momentum=0.9)}),
    "one for each": (mse, [(X, Y), (-X, -Y), (2 * X, 2 * Y)], {"grad_clip": 1.0, "mode": "max"}),
}


def run(name: str, path: Path | None = None, **more: Any) -> tuple[Replicas, History]:
    loss, data, settings = TRAININGS[name]
    torch.manual_seed(int(torch.randint(99, ())))  # what was sampled before must not matter
    replicas = Replicas.build(model, (1, 5, 3))
    usual = {"steps": STEPS, "optimizer": ADAM, "eval_every": 7, "grad_noise": GradientNoise(0.01, seed=1)}
    history = train(replicas, loss, data, checkpoint=path, **(usual | settings | more))
    return replicas, history


def assert_same(actual: tuple[Replicas, History], expected: tuple[Replicas, History]) -> None:
    for name, value in expected[0].state_dict().items():
        assert torch.equal(actual[0].state_dict()[name], value), name
    assert torch.equal(actual[1].steps, expected[1].steps)
    assert torch.equal(actual[1].train_loss, expected[1].train_loss)
    assert actual[1].metrics.keys() == expected[1].metrics.keys()
    for name, value in expected[1].metrics.items():
        assert torch.equal(actual[1].metrics[name], value)


@pytest.mark.parametrize("stops", [(1,), (7,), (33,), (5, 14, 22)])
@pytest.mark.parametrize("name", TRAININGS)
def test_a_resumed_training_equals_an_undisturbed_one(
    name: str, stops: tuple[int, ...], tmp_path: Path
) -> None:
    path = tmp_path / "training.safetensors"
    for stop in stops:
        with pytest.raises(KeyboardInterrupt):
            run(name, path, callbacks=[InterruptAt(stop)])
    assert_same(run(name, path), run(name))


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


@pytest.mark.parametrize("name", SCHEDULERS)
def test_every_scheduler_of_torch_resumes(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a" / "new folder" / "training.safetensors"
    settings = {"lr_schedule": SCHEDULERS[name], "optimizer": partial(torch.optim.SGD, lr=1e-3, momentum=0.9)}
    with pytest.raises(KeyboardInterrupt):
        run("tensors", path, callbacks=[InterruptAt(10)], **settings)
    assert_same(run("tensors", path, **settings), run("tensors", **settings))


def test_ctrl_c_says_how_to_continue(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "training.safetensors"
    with pytest.raises(KeyboardInterrupt):
        run("tensors", path, callbacks=[InterruptAt(3)])
    assert f"stopped at step 3 of 40; run it again to continue from {path}" in capsys.readouterr().err


@pytest.mark.parametrize("eval_every", [7, STEPS])
def test_ctrl_c_in_the_last_step_is_not_lost(eval_every: int, tmp_path: Path) -> None:
    path = tmp_path / "training.safetensors"
    with pytest.raises(KeyboardInterrupt):
        run("tensors", path, callbacks=[InterruptAt(STEPS)], eval_every=eval_every)
    assert_same(run("tensors", path, eval_every=eval_every), run("tensors", eval_every=eval_every))


def test_a_learning_rate_that_is_a_tensor_is_scheduled_and_resumed(tmp_path: Path) -> None:
    path = tmp_path / "training.safetensors"

    def settings() -> dict[str, Any]:
        made = partial(torch.optim.Adam, lr=torch.tensor(0.01))
        return {"optimizer": made, "lr_schedule": partial(lr_scheduler.ExponentialLR, gamma=0.9)}

    with pytest.raises(KeyboardInterrupt):
        run("tensors", path, callbacks=[InterruptAt(11)], **settings())
    assert_same(run("tensors", path, **settings()), run("tensors", **settings()))


def test_metrics_that_were_not_measured_from_the_start_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "training.safetensors"
    run("tensors", path, steps=14)
    with pytest.raises(ValueError, match="the metrics are now loss, but none at the evaluations before"):
        run(
            "tensors",
            path,
            validation=(X, Y),
            lr_schedule=partial(lr_scheduler.CosineAnnealingLR, T_max=STEPS),
        )


def test_a_finished_training_has_a_checkpoint_and_is_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / "training.safetensors"
    first = run("tensors", str(path))  # type: ignore[arg-type]
    assert path.exists(), "it took less time than lies between two checkpoints"

    class Never:
        def after_step(self, step: int, replicas: Replicas, optimizer: torch.optim.Optimizer) -> None:
            raise AssertionError("a step of a finished training")

    assert_same(run("tensors", path, callbacks=[Never()]), first)


def test_more_steps_continue_a_finished_training(tmp_path: Path) -> None:
    path = tmp_path / "training.safetensors"
    run("no data", path, steps=21)
    assert_same(run("no data", path), run("no data"))
    with pytest.raises(CheckpointError, match="of a longer training, at step 40"):
        run("no data", path, steps=21)


def test_what_was_done_is_kept_when_a_training_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between evaluations too, where these are far apart."""
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS_BETWEEN", -1.0)

    class Fail:
        def after_step(self, step: int, replicas: Replicas, optimizer: torch.optim.Optimizer) -> None:
            if step == 19:
                raise MemoryError

    path = tmp_path / "training.safetensors"
    with pytest.raises(MemoryError):
        run("tensors", path, callbacks=[Fail()], eval_every=STEPS)
    steps: list[int] = []

    class Count:
        def after_step(self, step: int, replicas: Replicas, optimizer: torch.optim.Optimizer) -> None:
            steps.append(step)

    resumed = run("tensors", path, callbacks=[Count()], eval_every=STEPS)
    assert steps[0] == 19
    assert_same(resumed, run("tensors", eval_every=STEPS))


# ------------------------------------------------------------------------------------------------ loaders


class Stateful:
    """A loader whose place can be saved, as torchdata's StatefulDataLoader."""

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


def with_loader(make: Callable[[], Any], path: Path | None = None, **more: Any) -> tuple[Replicas, History]:
    replicas = Replicas.build(model, (1, 5, 3))
    return replicas, train(replicas, mse, make(), steps=13, optimizer=ADAM, checkpoint=path, **more)


def test_a_loader_with_a_state_is_restored(tmp_path: Path) -> None:
    path = tmp_path / "training.safetensors"
    with pytest.raises(KeyboardInterrupt):
        with_loader(Stateful, path, callbacks=[InterruptAt(8)])
    assert_same(with_loader(Stateful, path), with_loader(Stateful))


@pytest.mark.parametrize("step", [5, 10])
def test_a_loader_saved_at_the_end_of_its_epoch_begins_the_next(step: int, tmp_path: Path) -> None:
    path = tmp_path / "training.safetensors"
    with pytest.raises(KeyboardInterrupt):
        with_loader(Stateful, path, callbacks=[InterruptAt(step)])
    assert_same(with_loader(Stateful, path), with_loader(Stateful))


def test_any_other_loader_begins_its_epoch_again_with_one_warning(tmp_path: Path) -> None:
    path = tmp_path / "training.safetensors"

    def loader() -> DataLoader[Any]:
        return DataLoader(TensorDataset(X, Y), batch_size=8)

    with pytest.raises(KeyboardInterrupt):
        with_loader(loader, path, callbacks=[InterruptAt(6)])
    with pytest.warns(
        RuntimeWarning, match="DataLoader has no state_dict: .* begins its epoch again"
    ) as caught:
        with_loader(loader, path)
    assert len(caught) == 1


def test_an_iterator_that_ends_is_an_error_when_it_ends() -> None:
    feed = LoaderFeed(iter([(X, Y)]), torch.device("cpu"))
    feed.next()
    with pytest.raises(ValueError, match="no further batch"):
        feed.next()


# --------------------------------------------------------------------------------------- of another training


@dataclass
class Other:
    """What differs in the training that finds the checkpoint, and what the error names."""

    settings: dict[str, Any] = field(default_factory=dict)
    seeds: tuple[int, ...] = (1, 5, 3)
    factory: Callable[[], torch_nn.Module] = model
    data: Any = (X, Y)
    names: str = ""


OTHERS = {
    "seeds": Other(seeds=(1, 5, 4), names="its seeds is"),
    "optimizer": Other(
        {"optimizer": partial(torch.optim.SGD, lr=0.1)}, names="its optimizer is Adam, not SGD"
    ),
    "schedule": Other({"lr_schedule": LinearDecay(50)}, names="its schedule is"),
    "monitor": Other({"mode": "max"}, names="its mode is min, not max"),
    "batch size": Other({"batch_size": 9}, names="its batch size is 128, not 9"),
    "rows": Other(data=(X[:20], Y[:20]), names="its rows of data is 30, not 20"),
    "kind of data": Other(data=Sums(), names="its data is"),
    "values of data": Other(data=(X, 2 * Y), names="its digest of the data is"),
    "learning rate": Other(
        {"optimizer": partial(torch.optim.Adam, lr=0.5)}, names="its optimizer settings is .*lr=0.01"
    ),
    "model": Other(factory=lambda: torch_nn.Linear(2, 1), names="another model: tensor"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_checkpoint_of_another_training_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "training.safetensors"
    train(Replicas.build(model, (1, 5, 3)), mse, (X, Y), steps=2, optimizer=ADAM, checkpoint=path)
    before, other = path.read_bytes(), OTHERS[name]
    replicas = Replicas.build(other.factory, other.seeds)
    with pytest.raises(CheckpointError, match=f"checkpoint {path} is of .*{other.names}"):
        train(
            replicas,
            mse,
            other.data,
            **({"steps": 4, "optimizer": ADAM, "checkpoint": path} | other.settings),
        )
    assert path.read_bytes() == before


def test_a_file_that_is_no_training_is_refused(tmp_path: Path) -> None:
    from extrapolate.training.checkpoint import Checkpoint, write

    path = tmp_path / "weights.safetensors"
    write(path, Checkpoint({"a": torch.ones(2)}, {"of": "something else"}))
    with pytest.raises(CheckpointError, match="holds no training"):
        train(Replicas.build(model, (1, 5, 3)), mse, (X, Y), steps=2, optimizer=ADAM, checkpoint=path)


# ------------------------------------------------------------------------------------------------- threads


def threads_in(width: int, batch: int, **settings: Any) -> int:
    """The threads of a training of layers this wide, whose user has two."""
    seen: list[int] = []

    class Look:
        def after_step(self, step: int, replicas: Replicas, optimizer: torch.optim.Optimizer) -> None:
            seen.append(torch.get_num_threads())

    def wide() -> torch_nn.Module:
        return torch_nn.Sequential(
            torch_nn.Linear(2, width), torch_nn.Linear(width, width), torch_nn.Linear(width, 1)
        )

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        train(
            Replicas.build(wide, (0, 1)), mse, (X, Y), steps=2, optimizer=ADAM, batch_size=batch, callbacks=[Look()],
            **settings,
        )  # fmt: skip
        assert torch.get_num_threads() == 2, "the user's setting is restored"
    finally:
        torch.set_num_threads(before)
    assert len(set(seen)) == 1
    return seen[0]


def test_a_small_training_takes_one_thread_and_a_large_one_the_users() -> None:
    """The border: products of 1 ms, of 2 (replicas) x 2 x batch x width x width operations."""
    from extrapolate.training.work import FLOPS, WORTH_SHARING

    width = 256
    border = round(FLOPS * WORTH_SHARING / (4 * width * width))
    assert threads_in(width, int(0.8 * border)) == 1
    assert threads_in(width, int(1.3 * border)) == 2
    assert threads_in(8, 16) == 1


def test_the_threads_can_be_stated() -> None:
    assert threads_in(8, 16, num_threads=2) == 2
    assert threads_in(256, 512, num_threads=1) == 1


def test_work_is_counted_and_not_timed() -> None:
    from extrapolate.training.work import WorkCounter

    counts = []
    for _ in range(2):
        with WorkCounter() as work:
            _ = torch.ones(300, 200) @ torch.ones(200, 100) + torch.ones(100)
        counts.append((work.seconds, work.shareable))
    assert counts[0] == counts[1]
    assert counts[0][0] > 0
