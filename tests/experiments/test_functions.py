"""Functions of two sums: the task, the networks, and the claims on the published table."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from extrapolate.experiments import Claim, get_experiment
from extrapolate.experiments.arithmetic.functions_static import scores
from extrapolate.tasks import SUM_FUNCTIONS, SubsetFunction
from extrapolate.tasks.subset_functions import Sequences
from made_up import judged as judged_of
from task_cases import NARROW, WIDE

STATIC, RECURRENT = map(get_experiment, ("functions-static", "functions-recurrent"))


KNOWN = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "square": lambda a, b: a**2,
    "root": lambda a, b: a**0.5,
}


@pytest.mark.parametrize("name", KNOWN)
def test_answer_is_the_function_of_both_sums_over_all_steps(name: str) -> None:
    task = SubsetFunction(SUM_FUNCTIONS[name], Sequences(NARROW, 3), Sequences(NARROW, 5), in_features=16)
    generator = torch.Generator().manual_seed(7)
    subsets = task.place_subsets(generator).subsets
    x = task.test.sample(6, 16, generator)
    first, second = (subsets[:, i].numpy() == 1 for i in (0, 1))
    sums = [x.numpy()[:, :, chosen].sum((0, 2)) for chosen in (first, second)]
    assert x.shape == (5, 6, 16)
    assert (first.sum(), second.sum(), (first & second).sum()) == (4, 4, 2)
    np.testing.assert_allclose(task.answer(x, subsets.double())[:, 0], KNOWN[name](*sums), rtol=1e-12)


def test_threshold_is_the_error_of_weights_a_little_off() -> None:
    """a − b: weights off by ε give (1 − 2ε)(a − b), so that the error is 4ε² E[(a − b)²]."""
    task = SubsetFunction(SUM_FUNCTIONS["sub"], Sequences(NARROW), Sequences(WIDE, 4), in_features=16)
    spread = 4 * 4 * 4**2 / 12  # four steps with four numbers in one sum only, each in U[2,6]
    assert task.threshold(1e-2) == pytest.approx(4e-4 * spread, rel=0.1)
    assert task.threshold(1e-2) == task.threshold(1e-2)
    product = replace(task, function=SUM_FUNCTIONS["mul"])
    assert product.threshold(1e-3) == pytest.approx(product.threshold(1e-2) / 100, rel=0.02)


def test_static_network_applies_its_layers_in_sequence() -> None:
    model = replace(STATIC.presets["smoke"], in_features=8, hidden=7).build("ReLU6")
    x = 10 * torch.randn(1, 3, 8)
    first, second = model.children()
    assert isinstance(first, torch.nn.Sequential)
    torch.testing.assert_close(model(x), second(first[0](x[0]).clamp(0, 6)))


def test_recurrent_network_carries_both_sums_in_its_state() -> None:
    """With exact weights NAU then NMU multiplies the sums over any number of steps."""
    model = RECURRENT.presets["smoke"].build("NAU-NMU").double()
    subsets = torch.tensor([[0.0, 0, 1, 1, 0, 0, 0, 0, 0, 0], [0, 0, 0, 1, 1, 0, 0, 0, 0, 0]])
    with torch.no_grad():
        model.get_parameter("first.weight").copy_(torch.eye(2, 10) + subsets)
        model.get_parameter("second.weight").fill_(1)
    x = torch.rand(1_000, 3, 8, dtype=torch.float64)
    expected = x[..., :2].sum((0, 2)) * x[..., 1:3].sum((0, 2))
    torch.testing.assert_close(model(x)[:, 0], expected)


@pytest.mark.parametrize("experiment", [STATIC, RECURRENT])
def test_networks_map_steps_to_answers(experiment: Any) -> None:
    config = experiment.presets["smoke"]
    for name in experiment.presets["paper"].models:
        assert config.build(name)(torch.rand(config.trained_on.length, 5, 8)).shape == (5, 1)


def test_each_model_has_its_own_function_and_subsets() -> None:
    training: Any = STATIC.jobs(STATIC.presets["smoke"])["Linear"]
    replicas, own = training.replicas(), training.train.per_replica
    assert own["chosen"].tolist() == [[1, 0], [1, 0], [0, 1], [0, 1]]
    errors = training.train.evaluate(replicas, torch.zeros(4, 3))["validation_mse"]
    for i, name in enumerate(("add", "add", "mul", "mul")):
        task = SubsetFunction(SUM_FUNCTIONS[name], Sequences(NARROW), Sequences(WIDE), in_features=8)
        x = task.sample_fixed(50)["validation"]
        expected = (replicas[i].double()(x) - task.answer(x, own["subsets"][i].double())).square().mean()
        torch.testing.assert_close(errors[i], expected)


def test_score_of_the_median_before_training_is_a_hundred() -> None:
    errors = torch.tensor([1.0, 9.0, 3.0, 20.0, 10.0, 80.0])
    assert scores(errors, errors, 3).view(2, 3).median(1).values.tolist() == [100, 100]


def judged(scores: Mapping[str, Mapping[str, Sequence[float]]], experiment: Any = STATIC) -> dict[str, Claim]:
    """Judge models with ``scores[model][function][seed]``, which are solved below 0.01."""
    rows = [
        (model, function, seed, score < 0.01, 0.1, score)
        for model, functions in scores.items()
        for function, own in functions.items()
        for seed, score in enumerate(own)
    ]
    columns = ["model", "function", "seed", "solved", "interpolation", "extrapolation"]
    return judged_of(experiment, pl.DataFrame(rows, columns, orient="row"))


def test_published_zero_must_vanish_and_a_published_error_must_not() -> None:
    for nalu, nac, holds in (
        ([0.001, 0.002, 0.001], [30.0, 33.0, 20.0], True),
        ([3.0] * 3, [0.001] * 3, False),
    ):
        claims = judged({"NALU": {"mul": nalu}, "NAC": {"mul": nac}})
        vanishes, does_not = (claims[f"{model}/mul/extrapolation"] for model in ("NALU", "NAC"))
        assert (vanishes.holds, vanishes.published, does_not.holds) == (holds, 0.0, holds)
        assert does_not.measured == pytest.approx(math.prod(nac) ** (1 / 3))
    # a small published error is only for comparison
    assert judged({"NALU": {"div": [0.5, 0.6, 0.7]}})["NALU/div/extrapolation"].holds is None


def test_comparison_is_with_the_best_of_the_others_seed_by_seed() -> None:
    rivals = {"ReLU6": [10.0, 100.0], "Linear": [100.0, 10.0], "NAC": [500.0, 500.0]}

    def nearer(nalu: list[float], others: Mapping[str, list[float]], experiment: Any = STATIC) -> Claim:
        scores = {name: {"mul": own} for name, own in {"NALU": nalu, **others}.items()}
        return judged(scores, experiment)[f"NALU/mul/nearer-than-{'-'.join(others)}"]

    claim = nearer([0.1, 0.11], rivals)
    assert (claim.holds, claim.measured) == (True, pytest.approx(2, abs=0.05))
    assert nearer([0.1, 1_000.0], rivals).holds is False
    # infinite scores and NaN count as the greatest score
    claim = nearer([float("inf"), float("nan")], {"LSTM": [100.0, 99.0]}, RECURRENT)
    assert (claim.holds, claim.measured) == (False, pytest.approx(-1, abs=0.01))


def test_success_over_seeds_is_judged_on_all_functions() -> None:
    every = dict.fromkeys(SUM_FUNCTIONS, [0.001] + [5.0] * 9)
    right = dict.fromkeys(SUM_FUNCTIONS, [0.001] * 10)
    claims = judged({"NALU": every, "NAU-NMU": right})
    fails = claims["NALU/fails-with-most-seeds"]
    assert (fails.holds, fails.measured) == (True, pytest.approx(0.1))
    assert claims["NAU-NMU/solves-more-than-NALU"].holds is True
    assert judged({"NALU": right, "NAU-NMU": right})["NAU-NMU/solves-more-than-NALU"].holds is False
    assert "NALU/fails-with-most-seeds" not in judged({"NALU": {"mul": [5.0, 5.0]}})
