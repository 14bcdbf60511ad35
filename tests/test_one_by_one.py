"""Trainings of one replica after the other, and trainings that end early."""

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor
from torch import nn as torch_nn

from extrapolate import nn, ops
from extrapolate.training import Clip, Penalty, Replicas, Warmup
from extrapolate.training.gradients import mapped, one_by_one
from extrapolate.training.loop import run_training
from extrapolate.training.train_config import TrainConfig


def product_loss(model: torch_nn.Module, key: Tensor, given: dict[str, Tensor]) -> Tensor:
    x = 1 + ops.uniform(key, (64, 2))
    return (model(x) - x[:, :1] * x[:, 1:]).square().mean()


def adam(parameters: list[Tensor]) -> torch.optim.Optimizer:
    return torch.optim.Adam(parameters, lr=0.02)


def weight_of(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
    return {"sum": replicas.parameters["weight"].flatten(1).sum(1)}


PLAN = TrainConfig(product_loss, adam, 20, weight_of, 10, "sum", compile=False)


def test_one_by_one_gives_the_gradients_that_mapping_gives() -> None:
    for clip in (None, Clip(norm=0.1)):
        plan = replace(PLAN, penalties=(Penalty(Warmup(10, 0, 0.1)),), grad_clip=clip)
        trained = []
        for gradients in (mapped, one_by_one):
            replicas = Replicas.build(lambda: nn.NMU(2, 1), range(3))
            run_training(replicas, replace(plan, gradients=gradients))
            trained.append(replicas.parameters["weight"])
        torch.testing.assert_close(trained[0], trained[1], atol=1e-6, rtol=1e-6)


def test_a_layer_without_a_batching_rule_trains_one_by_one() -> None:
    class Last(torch_nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = torch_nn.LSTM(1, 4, batch_first=True)
            self.answer = torch_nn.Linear(4, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.answer(self.lstm(x)[0][:, -1])

    def loss(model: torch_nn.Module, key: Tensor, given: dict[str, Tensor]) -> Tensor:
        x = ops.uniform(key, (16, 3, 1))
        return (model(x) - x.sum(1)).square().mean()

    replicas = Replicas.build(Last, range(2))
    x = torch.rand(64, 3, 1)
    errors: list[Tensor] = []

    def evaluate(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
        with torch.no_grad():
            each = [(replicas[i](x) - x.sum(1)).square().mean() for i in range(len(replicas))]
        errors.append(torch.stack(each))
        return {"error": errors[-1]}

    run_training(replicas, TrainConfig(loss, adam, 300, evaluate, 300, "error", gradients=one_by_one))
    assert bool((errors[-1] < 0.1).all())


def test_training_ends_when_the_plan_has_seen_enough(tmp_path: Path) -> None:
    plan = replace(PLAN, steps=100, stop_when=lambda history: int(history.steps[-1]) >= 30)
    replicas = Replicas.build(lambda: nn.NMU(2, 1), range(2))
    history = run_training(replicas, plan, checkpoint=tmp_path / "c.safetensors")
    assert history.steps.tolist() == [10, 20, 30]
    assert len(history.seconds) == 3
    assert 0 < history.seconds[0] <= history.seconds[-1]
