"""Options of a training: penalties with a schedule, gradient clipping, restarts."""

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

from bits import assert_equal
from extrapolate import nn
from extrapolate._runtime.progress import Interrupted
from extrapolate.training import Clip, Growth, History, Penalty, Replicas, Step, Warmup
from extrapolate.training.loop import run_training
from extrapolate.training.restart import RestartOnPlateau
from extrapolate.training.train_config import TrainConfig
from recording_progress import RecordingProgress


class Level(torch_nn.Module):
    """A model with one parameter, a scalar."""

    def __init__(self, value: float = 0.0) -> None:
        super().__init__()
        self.value = torch_nn.Parameter(torch.tensor(value))


def no_loss(model: torch_nn.Module, key: Tensor, batch: dict[str, Tensor]) -> Tensor:
    return 0 * next(model.parameters()).sum() + batch.get("loss", 0)


def config(**settings: Any) -> TrainConfig:
    return TrainConfig(loss=no_loss, optimizer=partial(torch.optim.SGD, lr=1.0), compile=False, **settings)


def trained(steps: int, **settings: Any) -> tuple[Replicas, History]:
    """Train two scalars with a loss of gradient 0: only ``settings`` change them."""

    def evaluate(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
        return {"value": replicas.parameters["value"].clone()}

    replicas = Replicas([Level(), Level()])
    measured = {"evaluate": evaluate, "eval_every": 1, "monitor": "value"}
    return replicas, run_training(replicas, replace(config(steps=steps, **measured), **settings))


def test_growth_multiplies_by_ten_at_a_fixed_interval() -> None:
    growth = Growth(1e-7, 1e-5, every=10_000)
    at = [growth(step) for step in (0, 9_999, 10_000, 19_999, 20_000, 49_999)]
    assert at == pytest.approx([1e-7, 1e-7, 1e-6, 1e-6, 1e-5, 1e-5])


def test_step_is_0_up_to_its_step() -> None:
    assert [Step(0.05, after=3)(step) for step in (0, 3, 4, 100)] == [0, 0, 0.05, 0.05]


@pytest.mark.parametrize(
    ("made", "settings", "message"),
    [
        *((Growth, wrong, "growth") for wrong in ((0.0, 1.0, 10), (2.0, 1.0, 10), (1.0, 2.0, 0))),
        *((Warmup, wrong, "start.*end|end.*start") for wrong in ((5, 5), (4, 5), (0, 0))),
        *((Clip, wrong, "above 0") for wrong in ((0.0,), (1.0, -1.0), (float("nan"),))),
    ],
)
def test_invalid_schedules_and_bounds_are_refused(
    made: Callable[..., object], settings: tuple[float, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        made(*settings)


def test_several_penalties_add_up() -> None:
    """The weight changes by the learning rate times the sum of both gradients."""
    penalties = (
        Penalty(Step(0.5, after=-1), lambda model: model.value),  # type: ignore[arg-type, return-value]
        Penalty(Warmup(2), lambda model: model.value * 2),  # type: ignore[arg-type, operator]
    )
    _, history = trained(3, penalties=penalties)
    assert history.metrics["value"][:, 0].tolist() == pytest.approx([-0.5, -2.0, -4.5])


def test_penalty_is_0_until_the_loss_of_its_replica_is_low() -> None:
    penalty = Penalty(Step(1.0, after=-1), lambda model: model.value, loss_below=1.0)  # type: ignore[arg-type, return-value]
    replicas, _ = trained(1, penalties=(penalty,), per_replica={"loss": torch.tensor([0.9, 1.1])})
    assert replicas.parameters["value"].tolist() == [-1.0, 0.0]


@given(values=st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=6), norm=st.floats(0.01, 200))
def test_norm_is_clipped_as_torch_clips_one_module(values: list[float], norm: float) -> None:
    half = len(values) // 2
    parameters = [torch_nn.Parameter(torch.zeros(half)), torch_nn.Parameter(torch.zeros(len(values) - half))]
    for each, slope in zip(parameters, (values[:half], values[half:]), strict=True):
        each.grad = torch.tensor(slope, dtype=torch.float32)
    clipped = Clip(norm=norm)({str(i): each.grad.clone() for i, each in enumerate(parameters)})  # type: ignore[union-attr]
    torch_nn.utils.clip_grad_norm_(parameters, norm)
    for i, each in enumerate(parameters):
        torch.testing.assert_close(clipped[str(i)], each.grad)


def test_values_are_clipped_after_the_norm() -> None:
    clipped = Clip(norm=1.0, value=0.7)({"a": torch.tensor([3.0, -4.0])})["a"]
    assert clipped.tolist() == pytest.approx([0.6, -0.7])


def test_each_replica_is_clipped_by_its_own_norm() -> None:
    slopes = {"slope": torch.tensor([0.5, 50.0])}
    settings = {"loss": lambda model, key, batch: model.value * batch["slope"], "per_replica": slopes}
    replicas, _ = trained(1, **settings)
    assert replicas.parameters["value"].tolist() == pytest.approx([-0.5, -50.0])
    bounded, _ = trained(1, grad_clip=Clip(norm=1.0), **settings)
    assert bounded.parameters["value"].tolist() == pytest.approx([-0.5, -1.0], rel=1e-5)


def losses_of(levels: list[list[float]]) -> tuple[Tensor, Tensor, Tensor]:
    """Return the statistics of blocks of 1,000 steps with constant loss, from one list of losses per replica."""
    mean = torch.tensor(levels).T
    return torch.arange(1, len(mean) + 1) * 1000, mean, mean.square()


def test_stuck_is_high_and_not_falling_for_long_enough() -> None:
    falling, low, stuck = [9.0, 8, 7, 6, 5, 4], [0.5] * 6, [5.0, 4.9, 5, 5.1, 5, 5]
    steps, mean, square = losses_of([falling, low, stuck])
    restart = RestartOnPlateau(Level, after=5_000)
    never = torch.zeros(3, dtype=torch.int64)
    assert restart.stuck(steps, mean, square, never).tolist() == [False, False, True]
    assert not restart.stuck(steps[:4], mean[:4], square[:4], never).any(), "too few steps"
    recently = torch.tensor([0, 0, 4000])
    assert not restart.stuck(steps, mean, square, recently).any(), "counted from its last restart"


def restarted(seen: list[list[float]] | None = None, **run: Any) -> Replicas:
    """Train 90 steps. The loss of replica 0 is always 2, that of replica 1 is 0. Only a restart changes weights."""

    def evaluate(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
        if seen is not None:
            seen.append(replicas.parameters["weight"].flatten().tolist())
        return {"error": torch.zeros(2)}

    replicas = Replicas.build(lambda: nn.NMU(1, 1), (0, 1))
    settings: dict[str, Any] = {"evaluate": evaluate, "eval_every": 10, "monitor": "error"}
    settings["per_replica"] = {"loss": torch.tensor([2.0, 0.0])}
    settings["restart"] = RestartOnPlateau(lambda: nn.NMU(1, 1), after=30)
    run_training(replicas, config(steps=90, **settings), **run)
    return replicas


def test_a_stuck_replica_restarts_and_the_other_does_not_change() -> None:
    seen: list[list[float]] = []
    restarted(seen)
    first = [values[0] for values in seen]
    assert first[0] == first[1] == first[2] != first[3], "after 30 steps"
    assert len(set(first)) == 3, "and again 30 steps later, with other weights"
    assert len({values[1] for values in seen}) == 1
    assert all(0.25 <= value <= 0.75 for value in first), "the unit's own initialisation"


def test_restarts_are_the_same_in_a_resumed_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("extrapolate.training.loop.PROGRESS_SECONDS", -1.0)
    path = tmp_path / "checkpoint"
    for stop in (25, 47):
        with pytest.raises(Interrupted):
            restarted(checkpoint=path, progress=RecordingProgress(stop))
    assert_equal(restarted(checkpoint=path).parameters, restarted().parameters)
