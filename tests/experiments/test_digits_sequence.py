"""Digits in sequences: the rules, the networks, and the claims."""

from dataclasses import replace

import polars as pl
import pytest
import torch
from torch.nn import functional as F

from extrapolate import nn
from extrapolate._runtime.errors import UserError
from extrapolate.experiments import Claim
from extrapolate.experiments.digits._sequence_models import KINDS, REFERENCE, Accumulator, LinearAccumulator
from extrapolate.experiments.digits.digits_sequence import GREATEST, digits_sequence, errors_after
from extrapolate.tasks import DIGIT_RULES, DigitRule, load_digits
from made_up import claims_of


def test_answers_after_each_image() -> None:
    labels = torch.tensor([3, 1, 3])
    counts = DIGIT_RULES["count"].answers(labels)
    assert counts[:, [1, 3]].tolist() == [[0, 1], [1, 1], [1, 2]]
    assert counts.sum(1).tolist() == [1, 2, 3]
    assert DIGIT_RULES["sum"].answers(labels).tolist() == [[3], [4], [7]]
    assert DIGIT_RULES["product"].answers(labels).tolist() == [[3], [3], [9]]


@pytest.mark.parametrize("rule", DIGIT_RULES.values(), ids=list(DIGIT_RULES))
def test_sequences_are_sampled_from_the_allowed_digits(rule: DigitRule) -> None:
    digits = rule.select_allowed(load_digits().test)
    answers = rule.answers(digits.labels[rule.draw(50, rule.tested[-1], digits, seed=0)])
    assert int(digits.labels.min()) == rule.lowest
    assert answers.shape == (rule.tested[-1], 50, rule.outputs)
    assert answers.isfinite().all()
    assert (answers.diff(dim=0) >= 0).all()


@pytest.mark.parametrize(
    ("kind", "unit", "task"),
    [
        (Accumulator, nn.NAU, "count"),
        (LinearAccumulator, nn.NAU, "count"),
        (LinearAccumulator, nn.NAU, "sum"),
        (Accumulator, nn.NMU, "product"),
    ],
)
def test_unit_with_exact_weights_accumulates_like_the_rule(
    kind: type[Accumulator], unit: type[torch.nn.Module], task: str
) -> None:
    rule, labels = DIGIT_RULES[task], torch.randint(1, 10, (6, 4))
    accumulator, perfect = kind(unit, rule.outputs, rule.initial), KINDS[REFERENCE].memory(rule)
    with torch.no_grad():  # a weight of 1 on the answer so far and on the feature of each output
        accumulator.layer.get_parameter("weight").copy_(torch.eye(rule.outputs).repeat(1, 2))
    features = F.one_hot(labels, 10).float() if task == "count" else labels[..., None].float()
    torch.testing.assert_close(accumulator(features), rule.answers(labels))
    torch.testing.assert_close(perfect(features), rule.answers(labels))
    if rule.outputs == 1:
        assert accumulator.unused(features, accumulator(features)) == 0


def test_the_regulariser_pulls_unused_inputs_to_the_initial_answer() -> None:
    accumulator = KINDS["NMU"].memory(DIGIT_RULES["product"])
    assert isinstance(accumulator, Accumulator)
    with torch.no_grad():
        accumulator.layer.get_parameter("weight").copy_(torch.tensor([[1.0, 0.25]]))
    features = torch.tensor([[[2.0], [4.0]], [[6.0], [8.0]]])
    expected = (0 + 0.75 * (1 - 5) ** 2) / 2
    assert accumulator.unused(features, accumulator(features)).item() == pytest.approx(expected)


@pytest.mark.parametrize(("name", "task"), [(n, t) for n, kind in KINDS.items() for t in kind.rules])
def test_every_model_answers_after_each_image(name: str, task: str) -> None:
    rule = DIGIT_RULES[task]
    reader = KINDS[name].build(8, rule)
    assert reader(torch.rand(3, 2, 1, 8, 8)).shape == (3, 2, rule.outputs)


def test_unit_without_a_task_it_can_learn_is_refused() -> None:
    with pytest.raises(UserError, match="--models: NMU can learn only product"):
        digits_sequence.jobs(replace(digits_sequence.presets["smoke"], models=("NMU",), tasks=("sum",)))


def judged(errors: dict[str, list[float]]) -> dict[str, Claim]:
    """Judge models with errors ``errors[model][seed]`` on 1,000 images, which are also their squared errors."""
    error = pl.col("error_1000")
    squares = {"squared_error_1000": error, "error_20": error, "squared_error_20": error}
    return claims_of(digits_sequence, "error_1000", errors, task="adding digits", **squares)


def test_accumulator_must_be_ten_times_closer() -> None:
    id, lstm = "NAC/adding digits/closer-than-LSTM", [4000.0, 4100.0, 4050.0]
    clear = judged({"LSTM": lstm, "NAC": [40.0, 41.0, 45.0]})[id]
    assert (clear.holds, clear.measured) == (True, pytest.approx(2, abs=0.05))
    assert judged({"LSTM": lstm, "NAC": [500.0, 510.0, 490.0]})[id].holds is False
    assert judged({"LSTM": lstm, "NAC": [4.0, 4000.0, 40.0]})[id].holds is False
    overflows = judged({"LSTM": lstm, "NAC": [40.0, GREATEST, 45.0]})[id]
    assert (overflows.holds, str(overflows.why)[:22]) == (False, "1 of 3 models overflow")


def test_most_models_must_be_as_close_as_the_reference() -> None:
    five = [40.0, 50.0, 60.0, 50.0, 55.0]
    # the bound: the mean and 6.965 standard errors, the 99th percentile of Student's t with 2 degrees of freedom
    bound = [50 + 10 * t / 3**0.5 for t in (6.964, 6.966)]
    for reference, own, holds, measured in (
        (five, [45.0, 50.0, 40.0, 51.0, 48.0], True, 1),
        (five, [45.0, 50.0, 400.0, 51.0, 480.0], False, 0.6),
        ([40.0, 50.0, 60.0], bound, False, 0.5),
        ([50.0], [45.0, 50.0], None, None),
    ):
        claim = judged({"reference": reference, "NAU": own})["NAU/adding digits/as-close-as-reference"]
        assert (claim.holds, claim.measured, claim.n) == (holds, measured, 0 if holds is None else len(own))


def test_errors_of_a_network_that_diverged_are_finite() -> None:
    rule, digits = DIGIT_RULES["sum"], load_digits().test
    reader = KINDS["NALU"].build(8, rule)
    for value in reader.parameters():
        value.data.fill_(torch.nan)
    errors = errors_after(reader, rule, digits, rule.draw(5, 10, digits, seed=0), [1, 10])
    assert errors.tolist() == [[GREATEST] * 2] * 2
