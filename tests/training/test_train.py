"""``train`` with a user's model, loss and data: kinds of data, calls, metrics, schedules, callbacks, errors."""

import io
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from torch import nn as torch_nn
from torch.nn import functional as F
from torch.optim import lr_scheduler
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, TensorDataset

from extrapolate.training import (
    Callback,
    Clip,
    History,
    LinearDecay,
    Penalty,
    Replicas,
    StepDecay,
    Warmup,
    train,
)
from sums import Batches, Sums, X, Y, after_step, mse, mse_by_key

SGD = partial(torch.optim.SGD, lr=0.1)
ADAM = partial(torch.optim.Adam, lr=0.05)


def linear() -> torch_nn.Module:
    return torch_nn.Linear(2, 1)


def built(count: int = 3, factory: Callable[[], torch_nn.Module] = linear) -> Replicas:
    return Replicas.build(factory, range(count))


def trained(data: Any = (X, Y), loss: Any = mse, replicas: Replicas | None = None, **settings: Any) -> History:
    return train(replicas or built(2), loss, data, **({"steps": 3, "optimizer": SGD} | settings))


def solved(replicas: Replicas) -> bool:
    return bool(((replicas(X) - Y).abs() < 0.05).all())


class Rows(Dataset[tuple[Tensor, Tensor]]):
    def __len__(self) -> int:
        return len(X)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return X[index], Y[index]


class Stream(IterableDataset[tuple[Tensor, Tensor]]):
    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        yield from zip(X, Y, strict=True)


class SumsByGenerator(Sums):
    """The same task, sampled with a generator, which ``vmap`` cannot map."""

    def sample(self, batch: int, key: Tensor) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(hash(tuple(key.tolist())) % 2**31)
        x = 2 * torch.rand(batch, 2, generator=generator) - 1
        return x, x.sum(1, keepdim=True)


SHARED: dict[str, Callable[[], Any]] = {
    "tensors": lambda: (X, Y),
    "TensorDataset": lambda: TensorDataset(X, Y),
    "Dataset": Rows,
    "IterableDataset": Stream,
    "Task": Sums,
    "Task with a generator": SumsByGenerator,
    "TensorDataset for each": lambda: [TensorDataset(X, Y)] * 3,
    "unequal tensors for each": lambda: [(X[:n], Y[:n]) for n in (30, 29, 28)],
    "Task for each": lambda: [Sums()] * 3,
    "DataLoader": lambda: DataLoader(TensorDataset(X, Y), batch_size=16, shuffle=True),
    "DataLoader for each": lambda: [DataLoader(TensorDataset(X, Y), batch_size=16, shuffle=True)] * 3,
}


@pytest.mark.parametrize("kind", SHARED)
def test_every_kind_of_data_trains(kind: str) -> None:
    replicas, batch_size = built(), None if kind.startswith("DataLoader") else 16
    train(replicas, mse, SHARED[kind](), steps=150, optimizer=ADAM, batch_size=batch_size)
    assert solved(replicas)


def test_all_replicas_get_the_batches_of_a_loader_in_its_order() -> None:
    seen: list[Tensor] = []

    def loss(model: torch_nn.Module, x: Tensor, y: Tensor) -> Tensor:
        seen.append(x.detach().clone())
        return mse(model, x, y)

    loader = DataLoader(TensorDataset(X, Y), batch_size=20)
    trained(loader, loss, built(1), steps=4, vectorize=False, num_threads=1)
    assert [len(x) for x in seen] == [20, 10, 20, 10]
    assert torch.equal(torch.cat(seen), torch.cat([X, X]))


def test_the_key_of_a_replica_determines_its_rows() -> None:
    several, alone = built(3), Replicas.build(linear, [2])
    for replicas in (several, alone):
        trained(replicas=replicas, steps=20, batch_size=4)
    torch.testing.assert_close(several.parameters["weight"][2], alone.parameters["weight"][0])
    assert not torch.allclose(several.parameters["weight"][0], several.parameters["weight"][1])


def test_all_rows_of_a_large_table_can_be_sampled() -> None:
    from extrapolate.training.feeds import FLOAT32_ROWS, sample_rows

    keys = built(2).keys()
    rows = sample_rows(keys, 4096, 64 * FLOAT32_ROWS)
    assert int(rows.max()) > 63 * FLOAT32_ROWS
    assert (rows % 64 != 0).any(), "float32 alone reaches only every 64th row"
    assert int(sample_rows(keys, 4096, 3).max()) == 2


def test_a_mapping_is_passed_by_name_and_another_object_as_one_argument() -> None:
    def by_name(model: torch_nn.Module, *, inputs: Tensor, target: Tensor) -> Tensor:
        return F.mse_loss(model(inputs), target)

    trained({"inputs": X, "target": Y}, by_name)
    rows = [{"inputs": x, "target": y} for x, y in zip(X, Y, strict=True)]
    trained(DataLoader(rows, batch_size=8), by_name, steps=5)  # type: ignore[arg-type]

    def whole(model: torch_nn.Module, x: Tensor) -> Tensor:
        return model(x).square().mean()

    trained(DataLoader(X, batch_size=8), whole, steps=5)  # type: ignore[arg-type]
    trained(X, whole, steps=5)


def test_without_data_the_loss_and_the_metrics_take_a_key() -> None:
    replicas, measured = built(2), {"metrics": {"error": mse_by_key}, "monitor": "error", "eval_every": 50}
    history = trained(None, mse_by_key, replicas, steps=100, optimizer=ADAM, vectorize=False, **measured)
    assert solved(replicas)
    assert history.metrics["error"].shape == (2, 2)


def test_loss_and_metrics_are_measured_on_validation_data_in_evaluation_mode() -> None:
    replicas = built(2, lambda: torch_nn.Sequential(torch_nn.Dropout(0.5), torch_nn.Linear(2, 1)))
    metrics = {"worst": lambda model, x, y: (model(x) - y).abs().max()}
    held_out = {"validation": (2 * X, 2 * Y), "metrics": metrics}
    history = trained(replicas=replicas, steps=10, eval_every=5, restore_best=False, **held_out)
    expected = torch.stack([mse(replicas[i].eval(), 2 * X, 2 * Y) for i in range(2)]).double()
    torch.testing.assert_close(history.metrics["loss"][-1], expected.detach())
    assert history.steps.tolist() == [5, 10]
    assert history.metrics["worst"].shape == history.train_loss.shape == (2, 2)


@pytest.mark.parametrize(
    "held_out",
    [DataLoader(TensorDataset(X, Y), batch_size=7), Rows(), Sums(), [(X, Y)] * 2],
    ids=["loader", "dataset", "task", "one for each"],
)
def test_validation_data_of_every_kind_give_the_mean_over_all_examples(held_out: Any) -> None:
    whole = trained(steps=4, validation=(X, Y))
    parts = trained(steps=4, validation=held_out)
    torch.testing.assert_close(parts.metrics["loss"], whole.metrics["loss"], rtol=1e-6, atol=1e-7)


def test_train_loss_is_the_mean_since_the_last_evaluation() -> None:
    losses: list[float] = []

    def loss(model: torch_nn.Module, x: Tensor, y: Tensor) -> Tensor:
        value = mse(model, x, y)
        losses.append(float(value.detach()))
        return value

    history = trained(loss=loss, replicas=built(1), steps=7, eval_every=3, vectorize=False, num_threads=1)
    means = [sum(part) / len(part) for part in (losses[:3], losses[3:6], losses[6:])]
    assert history.train_loss[:, 0].tolist() == pytest.approx(means, rel=1e-6)


@pytest.mark.parametrize("mode", ["min", "max"])
def test_replicas_end_with_their_best_weights(mode: Any) -> None:
    """The learning rate is far too high: the first evaluation is the best, and the last one with mode max."""
    replicas, seen = built(2), []
    keep = after_step(lambda step, replicas, optimizer: seen.append(replicas.parameters["weight"].clone()))
    far = {"optimizer": partial(torch.optim.SGD, lr=9.0), "eval_every": 1, "validation": (X, Y)}
    history = trained(replicas=replicas, steps=5, mode=mode, callbacks=[keep], **far)
    best = history.best_step
    assert best.tolist() == ([1, 1] if mode == "min" else [5, 5])
    assert torch.equal(replicas.parameters["weight"][0], seen[int(best[0]) - 1][0])


def test_history_is_a_table_and_its_repr_is_short() -> None:
    history = trained(replicas=built(3), steps=40, validation=(X, Y), eval_every=10)
    table = history.to_polars()
    assert table.columns == ["step", "seconds", "replica", "seed", "train_loss", "loss"]
    assert table.height == 12
    assert table.row(4, named=True)["loss"] == history.metrics["loss"][1, 1]
    assert table.row(4, named=True)["seed"] == 1
    assert len(repr(history).splitlines()) <= 6
    assert "40" in repr(history)


def test_training_stops_when_stop_when_returns_true() -> None:
    def low(history: History) -> bool:
        return bool((history.metrics["loss"][-1] < 1e-3).all())

    history = trained(steps=1000, optimizer=ADAM, eval_every=20, validation=(X, Y), stop_when=low)
    assert history.steps[-1] < 1000
    assert low(history)
    assert len(history.seconds) == len(history.steps)
    assert 0 < history.seconds[0] <= history.seconds[-1]


def rates_of(schedule: Any, steps: int) -> list[float]:
    seen: list[float] = []
    look = after_step(lambda step, replicas, optimizer: seen.append(optimizer.param_groups[0]["lr"]))
    trained(replicas=built(1), steps=steps, lr_schedule=schedule, callbacks=[look])
    return seen


def test_torch_schedulers_and_ours_are_stepped_once_per_step() -> None:
    """The learning rate after step n is that of step n + 1."""
    cosine = rates_of(partial(lr_scheduler.CosineAnnealingLR, T_max=10), 10)
    assert cosine[4] == pytest.approx(0.05)
    assert cosine[-1] == pytest.approx(0.0, abs=1e-9)
    by_step = rates_of(lambda optimizer: lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step)), 3)
    assert by_step == pytest.approx([0.1 / 2, 0.1 / 3, 0.1 / 4])
    assert rates_of(LinearDecay(10), 10) == pytest.approx([0.1 * (1 - (i + 1) / 10) for i in range(10)])
    assert rates_of(StepDecay(3), 4) == pytest.approx([0.1, 0.1, 0.01, 0.01])
    assert rates_of(Warmup(4), 5) == pytest.approx([0.025, 0.05, 0.075, 0.1, 0.1])


def test_clip_and_penalties_reach_each_replica() -> None:
    def still(model: torch_nn.Module, x: Tensor) -> Tensor:
        return 100 * model.weight.sum() + 0 * x.sum()  # type: ignore[operator, union-attr]

    for clip in (0.5, Clip(norm=0.5)):
        replicas = built(2)
        before = replicas.parameters["weight"].clone()
        trained(X, still, replicas, steps=1, grad_clip=clip, restore_best=False)
        moved = (replicas.parameters["weight"] - before).flatten(1).norm(dim=1)
        torch.testing.assert_close(moved, torch.full((2,), 0.05))
    replicas = built(2)
    before = replicas.parameters["bias"].clone()
    penalty = Penalty(Warmup(1), lambda model: 3 * model.bias.sum())  # type: ignore[operator, union-attr]
    trained(X, still, replicas, steps=2, penalties=[penalty], restore_best=False)
    torch.testing.assert_close(replicas.parameters["bias"], before - 0.1 * 3)  # its weight is 0 at step 0


def test_callbacks_are_called_after_steps_and_evaluations() -> None:
    steps: list[int] = []
    evaluations: list[tuple[int, list[str], int]] = []

    class Both:
        def on_evaluation(self, step: int, metrics: dict[str, Tensor]) -> None:
            evaluations.append((step, sorted(metrics), len(metrics["train_loss"])))

        def after_step(self, step: int, replicas: Replicas, optimizer: torch.optim.Optimizer) -> None:
            steps.append(step)

    callback: Callback = Both()
    trained(steps=4, eval_every=2, validation=(X, Y), callbacks=[callback])
    assert steps == [1, 2, 3, 4]
    assert evaluations == [(2, ["loss", "train_loss"], 2), (4, ["loss", "train_loss"], 2)]


PARTIAL = r"such as partial\(torch\.optim\.Adam, lr=1e-3\)"
#: By name: the arguments, the message, and the type of the error if it is not ValueError.
BAD: dict[str, tuple[Any, ...]] = {
    "a single module": ({"replicas": linear()}, r"Replicas\(\[module\]\)", TypeError),
    "an optimizer instead of a function": ({"optimizer": SGD([torch.zeros(1)])}, PARTIAL, TypeError),
    "an optimizer's name": ({"optimizer": "Adam"}, PARTIAL, TypeError),
    "an optimizer that is None": ({"optimizer": lambda parameters: None}, PARTIAL, TypeError),
    "a loss that is a vector": ({"loss": lambda m, x, y: (m(x) - y).square()}, r"must return a scalar.*\(128, 1\)"),
    "a loss that is a number": ({"loss": lambda m, x, y: 1.0}, "scalar tensor.*got float"),
    "a metric that is a vector": (
        {"metrics": {"each": lambda m, x, y: (m(x) - y).mean(1)}}, r"metric 'each' must .* replica, got shape \(30,\)"
    ),
    "a loss without a gradient": ({"loss": lambda m, x, y: mse(m, x, y).detach()}, "does not depend on the model"),
    "an optimizer of others": ({"optimizer": lambda ps: SGD([torch.zeros(1)])}, "must use only the parameters"),
    "a name of the history": ({"metrics": {"step": mse}}, "cannot be called 'step'"),
    "metrics in a list": ({"metrics": [mse]}, "metrics must be a dict of functions"),
    "one callback": ({"callbacks": mse}, "callbacks must be a list, got function"),
    "arrays": ({"data": (X.numpy(), Y.numpy())}, "torch.from_numpy"),
    "a tuple of loaders": ({"data": (DataLoader(Rows(), 4), DataLoader(Rows(), 4))}, "pass a list"),
    "a metric that is None": ({"metrics": {"none": lambda m, x, y: None}}, "metric 'none' .*got NoneType"),
    "a metric that is a list": ({"metrics": {"list": lambda m, x, y: [1.0]}}, "metric 'list' .*got list"),
    "a checkpoint that is a folder": ({"checkpoint": "."}, "is a folder: pass the path"),
    "targets of another length": ({"data": (X, Y[:7])}, "different lengths: 30, 7"),
    "no rows": ({"data": (X[:0], Y[:0])}, "no examples"),
    "an empty loader": ({"data": DataLoader(Subset(Rows(), []), batch_size=2)}, "no more batches: it is empty"),
    "a loader with a batch size": ({"data": DataLoader(Rows(), 4), "batch_size": 4}, "batch_size cannot be set"),
    "a batch size without data": ({"data": None, "batch_size": 4}, "batch_size has no meaning"),
    "no batch": ({"batch_size": 0}, "batch_size=0"),
    "a monitor that is not a metric": ({"monitor": "mae"}, "monitor='mae' is not a metric"),
    "a monitor not in metrics": ({"monitor": "mae", "metrics": {"error": mse}}, "use 'loss', or one of 'error'"),
    "an unknown mode": ({"mode": "best"}, "mode='best'"),
    "steps below 0": ({"steps": -1}, "steps=-1"),
    "no steps between evaluations": ({"eval_every": 0}, "eval_every=0"),
    "a list of another length": ({"data": [(X, Y)] * 3}, "2 entries, one per replica, got 3"),
    "data of another type": ({"data": 7}, "data of type int cannot be used"),
    "a schedule that takes the step": ({"lr_schedule": lambda step: 0.9**step}, "lr_schedule must be a function"),
    "a schedule that needs a metric": ({"lr_schedule": lr_scheduler.ReduceLROnPlateau}, "steps on a metric"),
    "a scheduler": ({"lr_schedule": lr_scheduler.StepLR(SGD([torch.zeros(1)]), 3)}, "lr_schedule must be a function"),
    "an unknown vectorize": ({"vectorize": "yes"}, "vectorize='yes' must be one of 'auto', True, False"),
    "no threads": ({"num_threads": 0}, "num_threads=0 must be at least 1"),
    "an optimizer with a closure": ({"optimizer": torch.optim.LBFGS}, "LBFGS"),
    "validation of a loss by key": ({"data": None, "validation": (X, Y)}, "pass metrics to measure"),
    "validation that can be read once": ({"validation": iter([(X, Y)])}, "cannot be read at every evaluation"),
    "an empty validation loader": ({"validation": DataLoader(Subset(Rows(), []), 2)}, "validation data has no"),
    "a callback without methods": ({"callbacks": [print]}, "must define on_evaluation or after_step"),
    "frozen models": ({"replicas": built(2, lambda: linear().requires_grad_(False))}, "parameters are frozen"),
    "an exhausted iterator": ({"data": iter([(X, Y)])}, "no more batches"),
    "unequal batches": ({"data": [DataLoader(Rows(), 4), DataLoader(Rows(), 5)]}, "batches have different shapes"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_clear_line(name: str) -> None:
    settings, message, *others = BAD[name]
    with pytest.raises(others[0] if others else ValueError, match=message) as caught:
        trained(**settings)
    assert "\n" not in str(caught.value)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_long_training_shows_its_progress_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("extrapolate.training.loop.PROGRESS_SECONDS", -1.0)
    for quiet, visible in ((-1.0, True), (60.0, False)):
        monkeypatch.setattr("extrapolate.training.progress.QUIET_SECONDS", quiet)
        screen = Terminal()
        monkeypatch.setattr("sys.stderr", screen)
        trained(steps=5)
        assert ("5/5" in screen.getvalue()) == visible


def test_a_long_compilation_is_announced(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def slow(function: Any, **options: Any) -> Any:
        def call(*args: Any) -> Any:
            time.sleep(0.2)
            return function(*args)

        return call

    monkeypatch.setattr("torch.compile", slow)
    for seconds, expected in ((0.01, True), (60.0, False)):
        monkeypatch.setattr("extrapolate.training.first_step.ANNOUNCE_SECONDS", seconds)
        trained(steps=2, compile=True)
        assert ("compiling the training step" in capsys.readouterr().err) == expected


def test_batches_may_hold_strings_and_other_objects() -> None:
    class Graph:
        def __init__(self) -> None:
            self.x, self.y = X, Y

    def on_graph(model: torch_nn.Module, graph: Graph) -> Tensor:
        return mse(model, graph.x, graph.y)

    def with_names(model: torch_nn.Module, x: Tensor, y: Tensor, names: list[str]) -> Tensor:
        assert len(names) == len(x)
        return mse(model, x, y)

    named = DataLoader([(x, y, "a name") for x, y in zip(X, Y, strict=True)], batch_size=8)  # type: ignore[arg-type]
    for loss, data in ((on_graph, Batches([Graph()])), (with_names, named)):
        replicas = built()
        train(replicas, loss, data, steps=150, optimizer=ADAM)
        assert solved(replicas)
