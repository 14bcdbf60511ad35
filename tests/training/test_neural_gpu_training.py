"""Parts of a Neural GPU's training: bins of lengths, adaptive values."""

from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch import nn as torch_nn

from extrapolate import nn
from extrapolate._runtime.progress import Interrupted
from extrapolate.experiments.algorithms import _adaptive as adaptive
from extrapolate.experiments.algorithms._adaptive import reduce_on_plateau
from extrapolate.experiments.algorithms._recipe import LengthBins
from extrapolate.optim import AdaMax
from extrapolate.tasks import Addition, Copy
from extrapolate.training import History, Penalty, Replicas, Warmup, loop
from extrapolate.training.gradients import loop_gradients
from extrapolate.training.loop import run_training
from extrapolate.training.train_config import TrainConfig
from recording_progress import RecordingProgress


def history_of(**metrics: list[float]) -> History:
    """Return a history of one replica."""
    count = len(next(iter(metrics.values()), []))
    rows = {name: torch.tensor(values, dtype=torch.float64)[:, None] for name, values in metrics.items()}
    return History("loss", {}, steps=torch.arange(count), metrics=rows)


def test_every_length_is_in_the_smallest_bin_that_fits() -> None:
    bins = LengthBins()
    assert bins.lengths(Addition(), 0) == [3, 5, 7]
    assert bins.lengths(Addition(), 4) == [21, 23, 25]
    assert bins.lengths(Addition(), 5) == [27]
    assert bins.lengths(Copy(), 1) == [9, 10, 11, 12]
    assert bins.select(Addition()) == list(range(9))
    assert LengthBins((1, 2, 3)).select(Addition()) == [2]


def test_a_batch_is_padded_to_its_bin_and_some_examples_are_shorter() -> None:
    bins = LengthBins(shorter=0.2)
    shorter, generator = 0, torch.Generator().manual_seed(0)
    for _ in range(20):
        batch = bins.sample_batch(Addition(), 8, 50, generator)
        assert batch.symbols.shape == batch.answer.shape == (50, 41)
        lengths = (batch.symbols != 0).sum(1)
        shorter += int((lengths <= 36).sum())
        assert int(lengths.max()) in (37, 39, 41)
    assert 120 <= shorter <= 280
    first = bins.sample_batch(Addition(), 0, 50, generator)
    assert first.symbols.shape == (50, 8)


def test_the_bins_of_a_step_include_the_longest_and_a_short_one() -> None:
    bins, generator = LengthBins(), torch.Generator().manual_seed(0)
    counts: Counter[int] = Counter()
    for _ in range(200):
        chosen = bins.sample_bins(Addition(), 4, generator)
        assert len(set(chosen)) == 4
        assert chosen[-1] == 8
        assert chosen[0] <= 1
        counts.update(chosen)
    assert set(counts) == set(range(9))
    assert bins.sample_bins(Addition(), 9, generator) == list(range(9))
    assert bins.sample_bins(Addition(), 1, generator) == [8]


@pytest.mark.parametrize(
    ("losses", "rate"),
    [
        ([], 0.01),
        ([1.0, 0.9], 0.01),
        ([1.0, 0.9, 0.8, 0.85, 0.7], 0.01),
        ([1.0, 0.9, 0.95, 0.92], 0.007),
        ([1.0, 1.1] * 300, 0.01),
        ([float(i) for i in range(99)], 0.01 / 60),
    ],
    ids=["none", "two", "improving", "a plateau", "as low as before", "the minimum"],
)
def test_learning_rate_falls_after_two_evaluations_without_improvement(losses: list[float], rate: float) -> None:
    assert reduce_on_plateau(0.01)(history_of(loss=losses)).item() == pytest.approx(rate)


def test_first_success_reduces_the_learning_rate_permanently() -> None:
    value = adaptive.settle(reduce_on_plateau(0.01))
    assert value(history_of()).item() == 0.01
    assert value(history_of(loss=[1.0, 0.5], errors=[2.0, 0.5])).item() == 0.01
    success = history_of(loss=[1.0, 0.5, 0.4], errors=[2.0, 0.0, 1.0])
    assert value(success).item() == pytest.approx(0.002)


@pytest.mark.parametrize(
    ("loss", "saturation", "weight"),
    [(0.5, 20.0, 0.01 * 0.5 / 20), (0.5, 1e-3, 1e-3), (0.0, 20.0, 1e-20), (0.0, 0.0, 1e-3)],
)
def test_weight_keeps_a_penalty_at_learning_rate_times_loss(loss: float, saturation: float, weight: float) -> None:
    value = adaptive.balance(reduce_on_plateau(0.01))
    assert value(history_of()).item() == 1e-3
    assert value(history_of(loss=[loss], saturation=[saturation])).item() == pytest.approx(weight, abs=0)


def test_learning_rate_is_constant_and_then_falls_to_its_minimum() -> None:
    value, history = adaptive.linear_decay(0.01, begin=20, end=40), history_of()
    for step, rate in ((0, 0.01), (20, 0.01), (30, 0.005), (50, 0.01 / 60)):
        history.steps = torch.tensor([step])
        assert value(history).item() == pytest.approx(rate)


def test_distance_of_relaxed_copies_is_a_penalty() -> None:
    def loss(model: torch_nn.Module, key: Tensor, batch: dict[str, Tensor]) -> Tensor:
        return sum((1e-6 * each.square().sum() for each in model.parameters()), start=torch.zeros(()))

    def evaluate(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
        return {"apart": replicas.vmap(lambda model: model.copy_distance())}

    pulled = Penalty(Warmup(0, start=-1), measure=lambda model: model.copy_distance())  # type: ignore[operator]
    sgd = partial(torch.optim.SGD, lr=0.1)
    config = TrainConfig(
        loss, sgd, 20, evaluate, 1, "apart", penalties=(pulled,), compile=False, gradients=loop_gradients
    )
    history = run_training(Replicas.build(lambda: nn.NeuralGPU(3, 3, 2, 1, copies=2), [0]), config)
    assert history.metrics["apart"][-1] < 0.02 * history.metrics["apart"][0]


def toy_config(replicas: Replicas) -> TrainConfig:
    """Train two weights towards 1. The measured loss rises, so the learning rate falls."""

    def loss(model: torch_nn.Module, key: Tensor, batch: dict[str, Tensor]) -> Tensor:
        return (model.weight - 1).square().sum() * (1 + batch["rate"])  # type: ignore[operator]

    def evaluate(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
        return {"loss": replicas.parameters["weight"].flatten()}

    values = adaptive.AdaptiveValues({"rate": reduce_on_plateau(0.01)}, len(replicas))
    own = {"per_replica": values.current, "lr_schedule": values.schedule("rate"), "feedback": values}
    stop = {"stop_when": lambda history: len(history.steps) >= 8}
    settings = {"compile": False, "gradients": loop_gradients, **own, **stop}
    return TrainConfig(loss, partial(AdaMax, lr=1.0), 100, evaluate, 3, "loss", **settings)


def test_adaptive_values_set_learning_rates_and_are_restored_when_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "PROGRESS_SECONDS", -1.0)

    def build() -> torch_nn.Module:
        layer = torch_nn.Linear(1, 1, bias=False)
        torch_nn.init.zeros_(layer.weight)
        return layer

    whole = Replicas.build(build, range(2))
    uninterrupted = run_training(whole, toy_config(whole))
    assert uninterrupted.steps.tolist() == [3 * i for i in range(1, 9)]
    for stop in (12, 17):
        path = tmp_path / f"{stop}.safetensors"
        halved, resumed = (Replicas.build(build, range(2)) for _ in range(2))
        with pytest.raises(Interrupted):
            run_training(halved, toy_config(halved), checkpoint=path, progress=RecordingProgress(stop))
        history = run_training(resumed, toy_config(resumed), checkpoint=path)
        assert torch.equal(history.metrics["loss"], uninterrupted.metrics["loss"])
        assert torch.equal(resumed.parameters["weight"], whole.parameters["weight"])
    # without adaptive values the learning rate is constant, and the weights get nearer to 1
    fixed = Replicas.build(build, range(2))
    run_training(fixed, replace(toy_config(fixed), steps=24, stop_when=None, feedback=None))
    assert bool((fixed.parameters["weight"] > whole.parameters["weight"]).all())
