"""Digits in sequences: the rules, the networks, and how the published findings are judged."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import polars as pl
import pytest
import torch
from torch.nn import functional as F

from extrapolate import nn
from extrapolate.errors import UserError
from extrapolate.experiments import Claim
from extrapolate.experiments.digits._sequence_models import (
    KINDS,
    REFERENCE,
    Accumulator,
    LinearAccumulator,
    Reader,
)
from extrapolate.experiments.digits._sequence_training import GREATEST, draw, errors_after
from extrapolate.experiments.digits.digits_sequence import digits_sequence, with_solved
from extrapolate.tasks import DIGIT_RULES, DigitRule, load_digits
from extrapolate.training import Replicas

SMOKE, LAPTOP = digits_sequence.presets["smoke"], digits_sequence.presets["laptop"]


def test_answers_after_each_image() -> None:
    labels = torch.tensor([3, 1, 3])
    counts = torch.zeros(3, 10)
    counts[:, 3], counts[:, 1] = torch.tensor([1.0, 1.0, 2.0]), torch.tensor([0.0, 1.0, 1.0])
    assert torch.equal(DIGIT_RULES["count"].answers(labels), counts)
    assert DIGIT_RULES["sum"].answers(labels).tolist() == [[3], [4], [7]]
    assert DIGIT_RULES["product"].answers(labels).tolist() == [[3], [3], [9]]


@pytest.mark.parametrize("rule", DIGIT_RULES.values(), ids=list(DIGIT_RULES))
def test_sequences_are_sampled_from_the_allowed_digits(rule: DigitRule) -> None:
    digits = rule.allowed(load_digits().test)
    assert int(digits.labels.min()) == rule.lowest
    chosen = rule.draw(50, rule.tested[-1], len(digits), torch.Generator().manual_seed(0))
    answers = rule.answers(digits.labels[chosen])
    assert chosen.shape == (rule.tested[-1], 50)
    assert answers.shape == (rule.tested[-1], 50, rule.outputs)
    assert answers.isfinite().all()
    assert (answers.diff(dim=0) >= 0).all()


def exact(unit: torch.nn.Module, size: int) -> torch.nn.Module:
    """``unit`` with a weight of 1 on the answer so far and on the feature of each of its ``size`` outputs."""
    with torch.no_grad():
        unit.get_parameter("weight").copy_(torch.cat([torch.eye(size), torch.eye(size)], -1))
    return unit


@pytest.mark.parametrize(
    ("kind", "unit", "task"),
    [
        (Accumulator, nn.NAU, "count"),
        (LinearAccumulator, nn.NAU, "count"),
        (LinearAccumulator, nn.NAU, "sum"),
        (Accumulator, nn.NMU, "product"),
    ],
)
def test_unit_with_exact_weights_accumulates_as_the_rule_asks(
    kind: type[Accumulator], unit: type[torch.nn.Module], task: str
) -> None:
    rule, labels = DIGIT_RULES[task], torch.randint(1, 10, (6, 4))
    accumulator, perfect = kind(unit, rule.outputs, rule.start), KINDS[REFERENCE].memory(rule)
    exact(accumulator.unit, rule.outputs)
    features = F.one_hot(labels, 10).float() if task == "count" else labels[..., None].float()
    torch.testing.assert_close(accumulator(features), rule.answers(labels))
    torch.testing.assert_close(perfect(features), rule.answers(labels))
    if rule.outputs == 1:
        assert accumulator.unused(features, accumulator(features)) == 0


def test_weight_computed_once_gives_the_same_answers() -> None:
    once, every_step = LinearAccumulator(nn.NAC, 10, 0.0), Accumulator(nn.NAC, 10, 0.0)
    every_step.load_state_dict(once.state_dict())
    features = torch.randn(6, 4, 10)
    torch.testing.assert_close(once(features), every_step(features))


def test_unused_inputs_are_driven_to_the_start() -> None:
    accumulator = KINDS["NMU"].memory(DIGIT_RULES["product"])
    assert isinstance(accumulator, Accumulator)
    with torch.no_grad():
        accumulator.unit.get_parameter("weight").copy_(torch.tensor([[1.0, 0.25]]))
    features = torch.tensor([[[2.0], [4.0]], [[6.0], [8.0]]])
    expected = (0 + 0.75 * (1 - 5) ** 2) / 2
    assert accumulator.unused(features, accumulator(features)).item() == pytest.approx(expected)


@pytest.mark.parametrize(("name", "task"), [(n, t) for n, kind in KINDS.items() for t in kind.rules])
def test_every_model_answers_after_each_image(name: str, task: str) -> None:
    rule = DIGIT_RULES[task]
    reader = Reader(8, KINDS[name].memory(rule))
    assert reader(torch.rand(3, 2, 1, 8, 8)).shape == (3, 2, rule.outputs)


def test_unit_without_a_task_it_can_learn_is_refused() -> None:
    with pytest.raises(UserError, match="--models: NMU can learn only product"):
        digits_sequence.jobs(replace(SMOKE, models=("NMU",), tasks=("sum",)))


def judged(errors: Mapping[str, Sequence[float]]) -> dict[str, Claim]:
    """Claims of models whose error on 1,000 images is ``errors[model][seed]``."""
    lengths = (1, 2, 5, 10, 20, 100, 1000)
    table = pl.DataFrame(
        [
            {
                "unit": unit,
                "operation": "adding digits",
                "range": "10 to 1,000 images",
                "seed": seed,
                "length": 1000,
                **{f"error_{n}": error if n in (1, 10, 100, 1000) else None for n in lengths},
                **{f"squared_error_{n}": error**2 if n in (1, 10, 100, 1000) else None for n in lengths},
            }
            for unit, own in errors.items()
            for seed, error in enumerate(own)
        ]
    )
    return {claim.id: claim for claim in digits_sequence.claims(table, LAPTOP)}


def test_accumulator_must_be_ten_times_closer() -> None:
    id, lstm = "NAC/adding digits/closer-than-LSTM", [4000.0, 4100.0, 4050.0]
    clear = judged({"LSTM": lstm, "NAC": [40.0, 41.0, 45.0]})[id]
    assert clear.holds is True
    assert clear.measured == pytest.approx(2, abs=0.05)
    assert judged({"LSTM": lstm, "NAC": [500.0, 510.0, 490.0]})[id].holds is False
    assert judged({"LSTM": lstm, "NAC": [4.0, 4000.0, 40.0]})[id].holds is False
    lost = judged({"LSTM": lstm, "NAC": [40.0, GREATEST, 45.0]})[id]
    assert lost.holds is False
    assert str(lost.why).startswith("1 of 3 models overflow")


def test_most_models_must_be_as_close_as_the_reference() -> None:
    id, reference = "NAU/adding digits/as-close-as-reference", [40.0, 50.0, 60.0, 50.0, 55.0]
    close = judged({"reference": reference, "NAU": [45.0, 50.0, 40.0, 51.0, 48.0]})[id]
    assert (close.holds, close.measured) == (True, 1)
    far = judged({"reference": reference, "NAU": [45.0, 50.0, 400.0, 51.0, 480.0]})[id]
    assert (far.holds, far.measured) == (False, 0.6)
    unknown = judged({"reference": [50.0], "NAU": [45.0, 50.0]})[id]
    assert (unknown.holds, unknown.n) == (None, 0)


def test_bound_of_the_reference_is_the_published_one() -> None:
    errors = [40.0, 50.0, 60.0]
    table = pl.DataFrame(
        {
            "unit": ["reference"] * 3 + ["NAU"] * 2,
            "operation": ["adding digits"] * 5,
            "length": [10] * 5,
            # the mean and 6.965 standard errors, the 99th percentile of Student's t with 2 degrees of freedom
            "squared_error_10": [*errors, 50 + 6.964 * 10 / 3**0.5, 50 + 6.966 * 10 / 3**0.5],
        }
    )
    assert with_solved(table)["solved"].to_list() == [True, True, True, True, False]


def test_errors_of_a_network_that_diverged_are_finite() -> None:
    rule, digits = DIGIT_RULES["sum"], load_digits().test
    replicas = Replicas.build(lambda: Reader(8, KINDS["NALU"].memory(rule)), (0, 1))
    for value in replicas.parameters.values():
        value.fill_(torch.nan)
    absolute, squared = errors_after(replicas, rule, digits, draw(rule, 5, 10, digits, seed=0), [1, 10])
    assert absolute.tolist() == squared.tolist() == [[GREATEST] * 2] * 2
