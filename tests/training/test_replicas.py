"""R replicas trained at once: each ends with the weights of the same training alone, in an ordinary loop."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch import nn as torch_nn

from bits import assert_equal
from extrapolate import nn, ops
from extrapolate.training import Penalty, Replicas, Warmup
from extrapolate.training.loop import run_training
from extrapolate.training.train_config import TrainConfig

#: With this learning rate, 200 steps move some weights to the bounds of their box and leave others inside.
STEPS, RATE = 200, 2e-3
LOWS = (1.0, -2.0, 0.1, 10.0)


def batch_of(key: Tensor, low: Tensor | float) -> tuple[Tensor, Tensor]:
    """Sample 64 examples of a·b by the key, with inputs from [low, low + 1)."""
    x = low + ops.uniform(key, (64, 2))
    return x, x[:, :1] * x[:, 1:]


def loss(model: torch_nn.Module, key: Tensor, batch: dict[str, Tensor]) -> Tensor:
    x, y = batch_of(key, batch["low"])
    return (model(x) - y).square().mean()


def error_at_five(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
    x = torch.full((2,), 5.0)
    return {"error": replicas.vmap(lambda model: (model(x) - 25).square().sum())}


def config(steps: int = STEPS, lows: tuple[float, ...] = LOWS) -> TrainConfig:
    return TrainConfig(
        loss=loss,
        optimizer=lambda parameters: torch.optim.Adam(parameters, lr=RATE),
        steps=steps,
        evaluate=error_at_five,
        eval_every=50,
        monitor="error",
        per_replica={"low": torch.tensor(lows)},
        penalties=(Penalty(Warmup(150, start=50, scale=10.0)),),
        compile=False,
    )


def trained(factory: Callable[[], torch_nn.Module], lows: dict[int, float], steps: int = STEPS) -> Replicas:
    """Train one replica for each seed of ``lows``."""
    replicas = Replicas.build(factory, tuple(lows))
    run_training(replicas, config(steps, tuple(lows.values())))
    return replicas


def trained_alone(module: torch_nn.Module, seed: int, low: float) -> torch_nn.Module:
    """Train one ordinary module in an ordinary loop."""
    module = copy.deepcopy(module).train()
    optimizer = torch.optim.Adam(module.parameters(), lr=RATE)
    for step in range(STEPS):
        x, y = batch_of(torch.tensor([seed, 0, step]), low)
        if isinstance(module, nn.StochasticNMU | nn.BatchStochasticNMU):
            module.key = torch.tensor([seed, 1, step])
        value = (module(x) - y).square().mean()
        if isinstance(module, nn.NMU):
            share = min(max((step - 50) / 100, 0.0), 1.0)
            distance = torch.minimum(module.weight.abs(), (1 - module.weight).abs())
            value = value + 10.0 * share * distance.mean()
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        if isinstance(module, nn.NMU):
            module.weight.data.clamp_(0, 1)
    return module.eval()


FACTORIES: dict[str, Callable[[], torch_nn.Module]] = {
    "NMU": lambda: nn.NMU(2, 1),
    "StochasticNMU": lambda: nn.StochasticNMU(2, 1),
    "BatchStochasticNMU": lambda: nn.BatchStochasticNMU(2, 1),
    "MLP": lambda: nn.MLP(2, 1, hidden_features=10),
}


@pytest.mark.parametrize("name", FACTORIES)
def test_replicas_equal_separate_trainings(name: str) -> None:
    """Each replica has its own input range (``per_replica``); two replicas have the same seed."""
    seeds = (3, 3, 17, 4)
    replicas = Replicas.build(FACTORIES[name], seeds)
    start = [replicas[i] for i in range(4)]
    run_training(replicas, config())
    if "weight" in replicas.parameters:
        at_bound = (replicas.parameters["weight"] % 1 == 0).flatten(1).all(1)
        assert not at_bound.all(), "weights that all end at a bound compare nothing"
    for i, (seed, low) in enumerate(zip(seeds, LOWS, strict=True)):
        for each, expected in trained_alone(start[i], seed, low).state_dict().items():
            torch.testing.assert_close(replicas.parameters[each][i], expected, rtol=1e-6, atol=1e-6)
            assert (expected - start[i].state_dict()[each]).abs().max() > 1e-2, (
                "a training that changes no weight compares nothing"
            )


@pytest.mark.parametrize("name", FACTORIES)
def test_a_replica_is_an_independent_ordinary_module(name: str) -> None:
    replicas = Replicas.build(FACTORIES[name], (1, 2, 3))
    x = torch.empty(3, 20, 2).uniform_(-2, 2)
    together = replicas(x)
    assert together.shape == (3, 20, 1)
    modules = [replicas[i] for i in range(3)]
    assert all(type(module) is type(FACTORIES[name]()) for module in modules)
    for i, module in enumerate(modules):
        torch.testing.assert_close(module.eval()(x[i]), together[i])
    # it has its own storage, and can be trained further
    modules[1](x[1]).sum().backward()
    assert all(value.grad is not None for value in modules[1].parameters())
    with torch.no_grad():
        for value in modules[1].parameters():
            value.fill_(123.0)
    torch.testing.assert_close(replicas(x), together)
    torch.testing.assert_close(modules[0](x[0]), together[0])


def test_replicas_copy_the_values_of_their_modules() -> None:
    modules = [nn.NMU(2, 1) for _ in range(2)]
    replicas = Replicas(modules)
    assert replicas.seeds == (0, 1)
    assert len(replicas) == 2
    first = modules[0].weight.detach().clone()
    with torch.no_grad():
        modules[0].weight.zero_()
    assert torch.equal(replicas[0].get_parameter("weight"), first)


def test_build_initialises_each_seed_as_torch_and_restores_the_global_generator() -> None:
    torch.manual_seed(99)
    before = torch.get_rng_state()
    replicas = Replicas.build(lambda: nn.MLP(2, 1), (0, 7, 7))
    assert torch.equal(torch.get_rng_state(), before)
    for index, seed in enumerate((0, 7, 7)):
        torch.manual_seed(seed)
        for name, value in nn.MLP(2, 1).named_parameters():
            assert torch.equal(replicas.parameters[name][index], value)


def test_vmap_uses_evaluation_mode_and_passes_each_replica_its_entries() -> None:
    replicas = Replicas.build(lambda: nn.StochasticNMU(2, 1), (0, 1))
    x = torch.tensor([2.0, 3.0])
    expected = torch.stack([replicas[i].eval()(x) for i in range(2)])
    torch.testing.assert_close(replicas.vmap(lambda model: model(x)), expected)
    samples = replicas.vmap(lambda model, key: ops.uniform(key, (4,)), replicas.keys())
    assert torch.equal(samples, ops.uniform(replicas.keys(), (4,)))


def test_frozen_parameters_do_not_change_even_outside_their_box() -> None:
    def factory() -> torch_nn.Module:
        model = torch_nn.Sequential(torch_nn.Linear(2, 8), nn.NAU(8, 8), nn.NMU(8, 1))
        torch_nn.init.constant_(model[1].weight, 3.0)  # type: ignore[arg-type]
        model[:2].requires_grad_(False)
        return model

    replicas = trained(factory, {0: 1.0, 1: 2.0}, steps=5)
    start, end = dict(Replicas.build(factory, (0, 1)).parameters), dict(replicas.parameters)
    assert not torch.equal(start.pop("2.weight"), end.pop("2.weight"))
    assert_equal(start, end)
    assert not replicas[0].get_parameter("0.weight").requires_grad


TWO = [nn.NMU(2, 1), nn.NMU(2, 1)]


@pytest.mark.parametrize(
    ("refused", "error", "message"),
    [
        (lambda: Replicas([torch_nn.ReLU(), torch_nn.ReLU()]), ValueError, "nothing to train"),
        (lambda: Replicas([]), ValueError, "at least one module"),
        (lambda: Replicas.build(lambda: nn.NMU(2, 1), ()), ValueError, "at least one module"),
        (lambda: Replicas(TWO, seeds=(1, 2, 3)), ValueError, "2 modules need 2 seeds, got 3"),
        (lambda: Replicas(TWO)[2], IndexError, "2"),
        (lambda: Replicas(TWO)[-3], IndexError, "-3"),
    ],
)
def test_invalid_replicas_are_refused(refused: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        refused()


def test_dropout_depends_only_on_the_seeds() -> None:
    def factory() -> torch_nn.Module:
        return torch_nn.Sequential(torch_nn.Linear(2, 8), torch_nn.Dropout(), torch_nn.Linear(8, 1))

    ends = []
    for number in (1, 2):
        torch.manual_seed(number)
        before = torch.get_rng_state()
        ends.append(trained(factory, {3: 1.0, 4: 2.0}, steps=20).parameters["0.weight"])
        assert torch.equal(torch.get_rng_state(), before), "the caller's generator does not change"
    assert torch.equal(*ends)
