"""One learning rate per replica, the problems for comparing optimizers, and the verdicts on findings."""

import math
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from torch import Tensor
from torch import nn as torch_nn

from extrapolate._runtime.errors import UserError
from extrapolate.experiments import get_experiment
from extrapolate.experiments.optimizers._problems import PROBLEMS, PUBLISHED, Transformer, fewer_steps
from extrapolate.experiments.optimizers.madam_bits import madam_bits
from extrapolate.experiments.optimizers.madam_learning_rate import (
    OPTIMIZERS,
    madam_learning_rate,
    read_published_rates,
)
from extrapolate.optim import PerReplica
from extrapolate.tasks import VOCABULARY, Picture, Sentences
from extrapolate.training import Replicas, StepDecay
from extrapolate.training.loop import run_training
from extrapolate.training.train_config import TrainConfig
from made_up import claims_of, judged

RATES = madam_learning_rate.presets["laptop"]


@pytest.mark.parametrize("make", [torch.optim.Adam, partial(torch.optim.SGD, momentum=0.9)])
def test_each_replica_moves_as_with_its_own_optimizer(make: Any) -> None:
    rates = torch.tensor([1e-4, 1e-2, 0.5])
    stacked = torch.randn(3, 4, 2, requires_grad=True)
    alone = [row.detach().clone().requires_grad_() for row in stacked]
    together = PerReplica([stacked], rates, partial(make, lr=1.0))
    apart = [make([row], lr=float(rate)) for row, rate in zip(alone, rates, strict=True)]
    for _ in range(20):
        stacked.grad = torch.randn(3, 4, 2)
        for row, slope in zip(alone, stacked.grad, strict=True):
            row.grad = slope.clone()
        for optimizer in (together, *apart):
            optimizer.step()
    torch.testing.assert_close(stacked.detach(), torch.stack(alone).detach(), atol=1e-6, rtol=1e-5)


def test_an_optimizer_whose_steps_cannot_be_scaled_is_refused() -> None:
    weights = [torch.ones(2, 3, requires_grad=True)]
    for lr, decay in ((0.1, 0.0), (1.0, 0.1)):
        with pytest.raises(ValueError, match="lr=1 and no weight decay"):
            PerReplica(weights, torch.ones(2), partial(torch.optim.SGD, lr=lr, weight_decay=decay))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_resumed_training_keeps_its_rates(name: str, tmp_path: Path) -> None:
    """With one rate per replica and a schedule, a resumed training equals an uninterrupted one."""
    config = TrainConfig(
        loss=lambda model, key, batch: torch.cat([p.flatten() for p in model.parameters()]).square().sum(),
        optimizer=lambda parameters: OPTIMIZERS[name](parameters, torch.tensor([0.01, 0.1])),
        steps=12,
        evaluate=lambda replicas, keys: {"sum": replicas.parameters["weight"].flatten(1).sum(1)},
        eval_every=2,
        monitor="sum",
        lr_schedule=StepDecay(5),
        compile=False,
    )

    def trained(steps: int, checkpoint: Path) -> Tensor:
        replicas = Replicas.build(lambda: torch_nn.Linear(3, 2), [0, 1])
        run_training(replicas, replace(config, steps=steps), checkpoint=checkpoint)
        return replicas.parameters["weight"]

    trained(8, tmp_path / "twice")
    assert torch.equal(trained(12, tmp_path / "twice"), trained(12, tmp_path / "once"))


def test_verbs_agree_with_the_first_noun_of_their_subject() -> None:
    passages, following = Sentences(40, tested=50).splits()["validation"]
    words = torch.cat([passages, following[:, -1:]], 1).flatten().tolist()
    text = " ".join(VOCABULARY[word] for word in words)
    sentences = [each.split() for each in text.split(" .")[:-1]]
    assert len(sentences) > 100
    for sentence in sentences:
        verb = next(word for word in sentence if word.rstrip("s") in ("see", "follow", "like"))
        plural = sentence[1] in ("birds", "cats", "dogs", "horses", "children")
        assert verb.endswith("s") is not plural, sentence


def test_colours_lie_between_black_and_white() -> None:
    _, colours = Picture(16).pixels()
    assert 0 <= float(colours.min()) <= float(colours.max()) <= 1
    assert float(colours.std(0).min()) > 0.1


def test_a_transformer_does_not_see_later_words() -> None:
    torch.manual_seed(0)
    model = Transformer(20, 16, 8)
    words = torch.randint(0, 20, (2, 8))
    changed = words.clone()
    changed[:, 5:] = (changed[:, 5:] + 1) % 20
    torch.testing.assert_close(model(words)[:, :5], model(changed)[:, :5])
    assert not torch.allclose(model(words)[:, 5:], model(changed)[:, 5:])


def test_published_networks_have_the_published_sizes() -> None:
    """ResNet-18 without gains and shifts of its batch norms; the transformer's softmax is over all words."""
    network, reader = (PUBLISHED[name].build() for name in PUBLISHED)
    assert sum(each.numel() for each in network.parameters()) == 11_164_362
    assert network(torch.rand(2, 3, 32, 32)).shape == (2, 10)
    assert reader(torch.zeros(2, 35, dtype=torch.int64)).shape == (2, 35, 33_278)


def test_learning_rate_falls_at_the_published_steps() -> None:
    schedule = PUBLISHED["cifar10-resnet18"].schedule(300)
    assert [schedule(step) for step in (99, 100, 200)] == pytest.approx([1, 0.1, 0.01])


@pytest.mark.parametrize("name", ["madam-learning-rate", "madam-bits"])
def test_paper_without_data_fails_with_one_line(name: str) -> None:
    experiment = get_experiment(name)
    with pytest.raises(UserError, match=r"give --data DIR with CIFAR-10's binary files"):
        experiment.jobs(experiment.presets["paper"])


def test_steps_of_zero_are_those_of_the_paper() -> None:
    assert fewer_steps(0, 0) is None
    assert fewer_steps(1_000, 0) == "1,000 steps instead of the published numbers"
    assert (fewer_steps(500, 1_000), fewer_steps(0, 1_000)) == ("500 of 1,000 steps", None)


@pytest.mark.parametrize("name", [name for name in PROBLEMS if name not in PUBLISHED])
def test_a_fresh_network_is_as_wrong_as_chance(name: str) -> None:
    """He initialization keeps the size of the outputs at any depth, so the first error is about that of guessing."""
    problem = PROBLEMS[name]
    torch.manual_seed(0)
    _, on_test = problem.prepare("generated", "cpu")
    error = float(on_test(problem.error, problem.build()).detach())
    chance = {"digits": math.log(10), "text": math.log(len(VOCABULARY)), "picture": 0.04}[name.split("-")[0]]
    assert chance / 2 < error < 2 * chance


def test_published_best_rates_match_the_claims() -> None:
    for optimizer, rates in (
        ("Madam", [0.01] * 5),
        ("SGD", [0.01, 0.1, 0.1, 0.1, 1.0]),
        ("Adam", [1e-4, 1e-4, 1e-3, 1e-3, 1e-3]),
    ):
        table = read_published_rates(optimizer)
        assert table.height == 25
        best = table.sort("error").group_by("task", maintain_order=True).first()
        assert sorted(best["learning_rate"]) == rates


def finding(optimizer: str, best: dict[str, float], slope: float) -> Any:
    """The first claim if errors grow by ``slope`` per rate away from the best (0.01 if ``best`` has none)."""
    lines = [
        (optimizer, problem, rate, seed, slope ** abs(2 * math.log10(rate / best.get(problem, 0.01))))
        for problem in RATES.problems
        for rate in RATES.rates
        for seed in range(RATES.seeds)
    ]
    results = pl.DataFrame(lines, schema=["model", "task", "learning_rate", "seed", "error"], orient="row")
    return madam_learning_rate.claims(results, RATES)[0]


def test_one_rate_for_all_holds_only_if_it_is_near_everywhere() -> None:
    near = finding("Madam", {"text-lstm": 0.0316}, 1.05)
    assert (near.holds, near.measured) == (True, pytest.approx(1.05, rel=1e-2))
    far = finding("Madam", {"text-lstm": 0.1}, 2.0)
    assert far.holds is False
    assert "text-lstm (4.00)" in str(far.why)


def test_best_rates_of_other_optimizers_must_differ() -> None:
    apart = finding("SGD", {"text-lstm": 0.1, "digits-cnn": 0.001}, 2.0)
    assert (apart.holds, apart.measured) == (True, pytest.approx(100))
    assert finding("Adam", {}, 2.0).holds is False


@pytest.mark.parametrize(("lost", "holds"), [(0.2, True), (1.5, False)])
def test_twelve_bits_are_judged_by_the_percentage_points_lost(lost: float, holds: bool) -> None:
    noise = [0.001, -0.001, 0.0005, -0.0005, 0.0]
    accuracies = {name: [0.97 - less / 100 + n for n in noise] for name, less in (("float32", 0.0), ("12-bit", lost))}
    claim, *_ = claims_of(madam_bits, "accuracy", accuracies).values()
    assert (claim.holds, claim.measured) == (holds, pytest.approx(lost))


def test_arithmetic_units_are_compared_over_all_ranges() -> None:
    lines = [
        ("NMU", "mul", name, range_, seed, seed < solved)
        for name, solved in (("Adam", 4), ("Madam", 1))
        for range_ in ("U[1,2]", "U[-2,2]")
        for seed in range(5)
    ]
    columns = ["idea", "task", "optimizer", "split", "seed", "solved"]
    found = judged(get_experiment("madam-arithmetic"), pl.DataFrame(lines, columns, orient="row"))
    assert {id.removeprefix("NMU/mul/"): (each.measured, each.n) for id, each in found.items()} == {
        "Adam": (pytest.approx(0.8), 10),
        "Madam": (pytest.approx(0.2), 10),
        "difference": (pytest.approx(-0.6), 20),
    }
