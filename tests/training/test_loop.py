"""The loop: penalty, box, best weights, replicas that diverge, compiled or not."""

import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch import nn as torch_nn
from torch._inductor import config as inductor_config
from torch.func import vmap

from bits import assert_equal
from extrapolate import nn, ops
from extrapolate.training import History, Penalty, Replicas, Warmup
from extrapolate.training.compiled import compile_or_eager
from extrapolate.training.evaluation import FixedData, regression_errors
from extrapolate.training.loop import run_training
from extrapolate.training.train_config import TrainConfig
from recording_progress import RecordingProgress


def product_loss(model: torch_nn.Module, key: Tensor, batch: dict[str, Tensor]) -> Tensor:
    x = 1 + ops.uniform(key, (2, 64)).movedim(0, -1)
    return (model(x) - x[:, :1] * x[:, 1:]).square().mean()


def output(model: torch_nn.Module, key: Tensor, batch: dict[str, Tensor]) -> Tensor:
    return model(torch.ones(1)).sum()


def weight_of(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
    return {"sum": replicas.parameters["weight"].flatten(1).sum(1)}


def sgd(rate: float) -> Callable[[list[Tensor]], torch.optim.Optimizer]:
    return lambda parameters: torch.optim.SGD(parameters, lr=rate)


def config(**settings: Any) -> TrainConfig:
    usual = {"loss": product_loss, "optimizer": sgd(0.01), "evaluate": weight_of, "monitor": "sum"}
    return TrainConfig(**({"steps": 8, "eval_every": 1, "compile": False} | usual | settings))


class Scalar(torch_nn.Module):
    """One weight, which a loss can use directly."""

    def __init__(self, start: float) -> None:
        super().__init__()
        self.weight = torch_nn.Parameter(torch.tensor([start]))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight


@given(
    scale=st.floats(0, 100),
    start=st.integers(0, 1000),
    length=st.integers(1, 1000),
    step=st.integers(0, 3000),
)
def test_penalty_rises_linearly_between_start_and_end(scale: float, start: int, length: int, step: int) -> None:
    at = Warmup(start + length, start, scale)(step)
    assert at == pytest.approx(scale * min(max((step - start) / length, 0), 1))
    assert step > start or at == 0
    assert step < start + length or at == scale


@pytest.mark.parametrize(("unit", "low", "high"), [(nn.NMU, 0.0, 1.0), (nn.NAU, -1.0, 1.0)])
def test_weights_are_in_their_box_after_every_step(unit: type[nn.NMU | nn.NAU], low: float, high: float) -> None:
    replicas = Replicas.build(lambda: torch_nn.Sequential(unit(2, 3), torch_nn.Linear(3, 1)), (0, 1))
    seen = []

    def evaluate(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
        weight = replicas.parameters["0.weight"]
        assert weight.min() >= low
        assert weight.max() <= high
        seen.append(replicas.parameters["1.weight"].abs().max())
        return {"e": weight.flatten(1).sum(1)}

    run_training(replicas, config(optimizer=sgd(0.7), steps=20, evaluate=evaluate, monitor="e"))
    assert len(seen) == 20
    touching = (replicas.parameters["0.weight"] == high) | (replicas.parameters["0.weight"] == low)
    assert touching.any(), "a learning rate this high must move some weight to its bound"


NO = torch.nan
SCORES = torch.tensor([[5.0, 1.0, NO, NO], [3.0, 2.0, 4.0, NO], [4.0, 3.0, NO, NO], [3.0, 0.5, torch.inf, NO]])


def scored(solved: Any = None, progress: RecordingProgress | None = None) -> tuple[Replicas, History, list[Tensor]]:
    """Train four replicas whose single weight falls by 0.5 per step, with the metrics of a table.

    Also returns their weights at every evaluation.
    """
    replicas, weights = Replicas([Scalar(start) for start in (0.0, 10.0, 20.0, 30.0)]), []

    def evaluate(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
        weights.append(replicas.parameters["weight"].clone())
        row = SCORES[len(weights) - 1]
        return {"validation": row, "test": row + 10}

    measured = {"evaluate": evaluate, "eval_every": 2, "monitor": "validation", "solved": solved}
    history = run_training(replicas, config(loss=output, optimizer=sgd(0.5), **measured), progress=progress)
    return replicas, history, weights


def test_best_weights_are_those_at_the_lowest_metric_and_nan_is_never_best() -> None:
    replicas, history, weights = scored()
    assert history.steps.tolist() == [2, 4, 6, 8]
    assert history.best_step.tolist()[:3] == [4, 8, 4]  # the first of equal values
    expected = torch.stack([weights[1][0], weights[3][1], weights[1][2]])
    assert torch.equal(history.best["weight"][:3], expected)
    assert history.at_best("test")[:3].tolist() == [13.0, 10.5, 14.0]
    torch.testing.assert_close(history.metrics["validation"], SCORES.double(), equal_nan=True)
    assert history.best["weight"][3].item() == 30.0  # the initial value
    assert torch.isnan(history.at_best("test")[3])
    thresholds = torch.tensor([3.5, 1.0, 100.0, 100.0], dtype=torch.float64)
    assert history.first_below("validation", thresholds) == [4, 8, 4, None]
    # training continues from the last weights, not from the best
    assert replicas.parameters["weight"].flatten().tolist() == [-4.0, 6.0, 16.0, 26.0]


def test_best_weights_and_running_averages_belong_to_one_step() -> None:
    replicas = Replicas.build(lambda: torch_nn.Sequential(torch_nn.BatchNorm1d(2), torch_nn.Linear(2, 1)), (0, 1))
    at_evaluation: list[dict[str, Tensor]] = []
    scores = torch.tensor([[3.0, 3.0], [1.0, 4.0], [2.0, 1.0]])

    def evaluate(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
        at_evaluation.append({name: value.clone() for name, value in replicas.state.items()})
        return {"e": scores[len(at_evaluation) - 1]}

    history = run_training(replicas, config(steps=6, evaluate=evaluate, eval_every=2, monitor="e"))
    moved = at_evaluation[1]["0.running_mean"] != at_evaluation[2]["0.running_mean"]
    assert moved.all(), "averages that do not change test nothing"
    replicas.load_state_dict(history.best)
    for name, value in replicas.state.items():
        assert_equal(tuple(value), (at_evaluation[1][name][0], at_evaluation[2][name][1]))


def test_a_diverging_replica_does_not_disturb_the_others() -> None:
    def loss(model: torch_nn.Module, key: Tensor, batch: dict[str, Tensor]) -> Tensor:
        return batch["rate"] * product_loss(model, key, batch)

    def evaluate(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
        return {"e": replicas.vmap(lambda model: model(torch.ones(2)).square().sum())}

    def trained(rates: dict[int, float]) -> tuple[Replicas, Tensor]:
        replicas = Replicas.build(lambda: nn.MLP(2, 1, hidden_features=8), tuple(rates))
        own = {"rate": torch.tensor(list(rates.values()))}
        settings = {"optimizer": partial(torch.optim.Adam, lr=1e-2), "steps": 60, "eval_every": 20}
        history = run_training(
            replicas, config(loss=loss, evaluate=evaluate, monitor="e", per_replica=own, **settings)
        )
        return replicas, history.metrics["e"]

    replicas, measures = trained({1: 1.0, 2: torch.nan, 3: 1.0})
    healthy, expected = trained({1: 1.0, 3: 1.0})
    assert torch.isnan(measures[:, 1]).all()
    torch.testing.assert_close(measures[:, [0, 2]], expected, rtol=1e-5, atol=1e-6)
    others = {name: value[[0, 2]] for name, value in replicas.parameters.items()}
    torch.testing.assert_close(others, dict(healthy.parameters), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"monitor": "validation"}, r"validation.*not among the metrics.*sum"),
        ({"steps": -1}, "must be at least"),
        ({"eval_every": 0}, "must be at least"),
    ],
)
def test_invalid_training_arguments_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run_training(Replicas.build(lambda: nn.NMU(2, 1), (0,)), config(**wrong))


def test_progress_counts_the_solved_replicas() -> None:
    progress = RecordingProgress(stop_at=-1)
    scored(solved=lambda measures: measures["validation"] < 3.5, progress=progress)
    assert progress.updates[0] == (1, "")
    assert progress.updates[-1] == (8, "2/4 solved")


def product_config(compile: bool) -> TrainConfig:
    adam, penalties = partial(torch.optim.Adam, lr=1e-2), (Penalty(Warmup(60, 20)),)
    return config(optimizer=adam, steps=120, eval_every=40, penalties=penalties, compile=compile)


def doubled(x: Tensor) -> Tensor:
    return 2 * x


def test_any_number_of_functions_is_compiled(compilations: list[torch.fx.GraphModule]) -> None:
    """Also functions that one line of code defines. torch.compile alone compiles at most eight of them."""
    x = torch.ones(3)
    for factor in range(9):
        assert torch.equal(compile_or_eager(vmap(lambda x, factor=factor: factor * x))(x), factor * x)
        assert len(compilations) == factor + 1


def test_compiling_keeps_the_users_compiled_functions(compilations: list[torch.fx.GraphModule]) -> None:
    mine, ours, x = torch.compile(doubled), compile_or_eager(doubled), torch.ones(3)
    for function in (mine, ours, mine, compile_or_eager(vmap(doubled)), mine, ours):
        assert torch.equal(function(x), 2 * x)
    assert len(compilations) == 3


def test_metrics_on_sets_of_many_shapes_are_compiled(compilations: list[torch.fx.GraphModule]) -> None:
    replicas = Replicas.build(lambda: nn.NMU(2, 1), range(10))
    x, y = torch.ones(7, 2), torch.ones(7, 1)
    sets = {str(size): [FixedData(slice(0, size), x, y), FixedData(slice(size, 10), x, y)] for size in range(1, 6)}
    measured = regression_errors(sets)(replicas, replicas.keys())
    expected = regression_errors(sets, compile=False)(replicas, replicas.keys())
    assert len(compilations) == 9
    torch.testing.assert_close(measured, expected)


@pytest.mark.slow
def test_compiled_training_equals_eager_training() -> None:
    ends = [Replicas.build(lambda: nn.StochasticNMU(2, 1), (0, 1, 2)) for _ in range(2)]
    for replicas, compile in zip(ends, (True, False), strict=True):
        run_training(replicas, product_config(compile))
    torch.testing.assert_close(*(each.parameters["weight"] for each in ends), rtol=1e-6, atol=1e-6)


def test_without_a_compiler_training_continues_eagerly_with_one_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One warning for the whole training, although the step and the evaluation are both compiled."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))  # no earlier build is found there

    def trained(compile: bool) -> tuple[Replicas, History]:
        replicas = Replicas.build(lambda: nn.NMU(2, 1), (0, 1))
        x = torch.tensor([[2.0, 3.0], [4.0, 5.0]], dtype=torch.float64)
        data = FixedData(slice(0, 2), x, x[:, :1] * x[:, 1:])
        evaluate = regression_errors({"sum": [data]}, compile=compile)
        return replicas, run_training(replicas, replace(product_config(compile), evaluate=evaluate))

    no_compiler = inductor_config.patch({"cpp.cxx": (str(tmp_path / "no-such-compiler"),)})
    with warnings.catch_warnings(record=True) as caught, no_compiler:
        warnings.simplefilter("always")
        replicas, history = trained(compile=True)
    eager, expected = trained(compile=False)
    assert torch.equal(replicas.parameters["weight"], eager.parameters["weight"])
    assert torch.equal(history.metrics["sum"], expected.metrics["sum"])
    ours = [str(each.message) for each in caught if issubclass(each.category, RuntimeWarning)]
    assert len(ours) == 1
    assert "no-such-compiler" in ours[0]


def test_a_shared_batch_is_sampled_once_per_step_for_all_replicas() -> None:
    sampled: list[Tensor] = []

    def shared(key: Tensor) -> dict[str, Tensor]:
        sampled.append(ops.uniform(key, (1,)))
        return {"x": sampled[-1]}

    def loss(model: torch_nn.Module, key: Tensor, batch: dict[str, Tensor]) -> Tensor:
        return (model(batch["x"]) * batch["sign"]).sum()

    replicas, own = Replicas([Scalar(0.0), Scalar(0.0)]), {"sign": torch.tensor([1.0, -1.0])}
    train = config(loss=loss, optimizer=sgd(1.0), steps=3, eval_every=3, per_replica=own, shared_batch=shared)
    run_training(replicas, train)
    assert len({float(each) for each in sampled}) == 3
    moved = replicas.parameters["weight"][:, 0]
    torch.testing.assert_close(moved[0], -torch.cat(sampled).sum())
    assert moved[1] == -moved[0]
