"""An interrupted training ends, once resumed, with exactly the numbers of an undisturbed one."""

import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import BatchNorm1d, Dropout, Linear, Module, Sequential

from bits import assert_equal
from extrapolate import nn, ops
from extrapolate._runtime.progress import Interrupted, stop_on_signals
from extrapolate.training import CheckpointError, History, Penalty, Replicas, Warmup, loop
from extrapolate.training.checkpoint import read
from extrapolate.training.loop import run_training
from extrapolate.training.train_config import TrainConfig
from watching import Watching

STEPS, EVALUATE_EVERY = 60, 20
Factory = Callable[[], Module]
Optimizer = Callable[[list[Tensor]], torch.optim.Optimizer]


@pytest.fixture(autouse=True)
def _asked_after_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "PROGRESS_SECONDS", -1.0)


def loss(model: Module, key: Tensor, given: dict[str, Tensor]) -> Tensor:
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
    "dropout": lambda: Sequential(Linear(2, 16), Dropout(0.3), Linear(16, 1)),
    "running averages": lambda: Sequential(Linear(2, 4), BatchNorm1d(4), Linear(4, 1)),
    "bfloat16": lambda: nn.NMU(2, 1, dtype=torch.bfloat16),
}
NOISY = MODELS["noise from keys"]
OPTIMIZERS: dict[str, Optimizer] = {
    "AdamW, AMSGrad": lambda p: torch.optim.AdamW(p, lr=2e-3, amsgrad=True),
    "SGD": lambda p: torch.optim.SGD(p, lr=1e-3),
    "SGD, momentum": lambda p: torch.optim.SGD(p, lr=1e-3, momentum=0.9, nesterov=True),
    "RMSprop": lambda p: torch.optim.RMSprop(p, lr=1e-3),
}


def trained(
    factory: Factory, path: Path | None = None, config: TrainConfig | None = None, stop_at: int | None = None
) -> tuple[Replicas, History]:
    """By fresh objects, as in a new process."""
    replicas = Replicas.build(factory, (0, 1, 2))
    watch = None if stop_at is None else Watching(stop_at)
    return replicas, run_training(replicas, config or plan(), checkpoint=path, watch=watch)


def undisturbed(factory: Factory, config: TrainConfig | None = None) -> tuple[Replicas, History]:
    torch.manual_seed(5)
    return trained(factory, config=config)


undisturbed_model = cache(lambda name: undisturbed(MODELS[name]))


def interrupted(
    factory: Factory, path: Path, stops: tuple[int, ...], config: TrainConfig | None = None
) -> tuple[Replicas, History]:
    """Interrupted at each of ``stops`` and continued."""
    torch.manual_seed(5)
    for stop in stops:
        with pytest.raises(Interrupted, match=f"step {stop} of {STEPS}"):
            trained(factory, path, config, stop_at=stop)
        assert path.exists()
        torch.manual_seed(1000 + stop)  # what dropout draws from must come back with the checkpoint
    return trained(factory, path, config)


def assert_bit_for_bit(actual: tuple[Replicas, History], expected: tuple[Replicas, History]) -> None:
    (one, its), (other, others) = actual, expected
    assert_equal((one.parameters, one.buffers), (other.parameters, other.buffers))
    assert_equal((its.best, its.metrics), (others.best, others.metrics))
    assert_equal((its.steps, its.best_step), (others.steps, others.best_step))


@pytest.mark.parametrize("stops", [(1,), (20,), (31,), (7, 20, 21, 40, 59)], ids=str)
@pytest.mark.parametrize("model", MODELS)
def test_resumed_training_equals_an_undisturbed_one(
    model: str, stops: tuple[int, ...], tmp_path: Path
) -> None:
    assert_bit_for_bit(interrupted(MODELS[model], tmp_path / "c", stops), undisturbed_model(model))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_state_of_any_elementwise_optimizer_comes_back(name: str, tmp_path: Path) -> None:
    config = plan(OPTIMIZERS[name])
    assert_bit_for_bit(interrupted(NOISY, tmp_path / "c", (31,), config), undisturbed(NOISY, config))


def test_stop_that_comes_with_the_last_step_changes_nothing(tmp_path: Path) -> None:
    torch.manual_seed(5)
    finished = trained(MODELS["dropout"], tmp_path / "c", stop_at=STEPS)
    assert_bit_for_bit(finished, undisturbed_model("dropout"))
    # asked again, the finished training is read back without a step
    assert_bit_for_bit(trained(MODELS["dropout"], tmp_path / "c", stop_at=1), finished)


def test_stop_without_a_checkpoint_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Interrupted):
        trained(NOISY, stop_at=3)
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
        trained(MODELS["dropout"], tmp_path / "c", replace(plan(), evaluate=failing))
    assert read(tmp_path / "c").about["step"] == EVALUATE_EVERY
    assert_bit_for_bit(trained(MODELS["dropout"], tmp_path / "c"), expected)


@pytest.mark.parametrize(
    ("factory", "seeds", "best_by"),
    [
        (NOISY, (0, 1, 3), "error"),
        (NOISY, (0, 1, 2), "double"),
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
        trained(NOISY, path, stop_at=25)
    content = path.read_bytes()
    with pytest.raises(CheckpointError, match=str(path)):
        run_training(Replicas.build(factory, seeds), replace(plan(), monitor=best_by), checkpoint=path)
    assert path.read_bytes() == content


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
