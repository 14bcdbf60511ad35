"""Even digits in a picture: the pictures, the output layers, and how the published finding is judged."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
import torch

from extrapolate import nn
from extrapolate.errors import UserError
from extrapolate.experiments import Claim, experiment_named, run, with_options
from extrapolate.experiments.digits_parity.models import HEADS, Counter, NACWithBias
from extrapolate.report import write_page
from extrapolate.tasks import EvenDigits, load_digits
from resuming import assert_resumes_alike
from silent import Silent

EXPERIMENT = experiment_named("digits-parity")
SMOKE, LAPTOP = EXPERIMENT.presets["smoke"], EXPERIMENT.presets["laptop"]


# ------------------------------------------------------------------------------------------------ the task


def test_answer_is_the_number_of_even_digits_to_be_seen() -> None:
    digits = load_digits().test
    task = EvenDigits(load_digits())
    pictures, answers = task.pictured(digits, torch.rand(100, task.numbers))
    assert pictures.shape == (100, 1, 24, 24)
    seen = []
    for picture, answer in zip(pictures, answers.tolist(), strict=True):
        cells = [picture[:, 8 * r : 8 * r + 8, 8 * c : 8 * c + 8] for r in range(3) for c in range(3)]
        shown = [cell for cell in cells if cell.any()]
        labels = [digits.labels[(digits.images == cell).flatten(1).all(1)][0] for cell in shown]
        assert answer == sum(int(label) % 2 == 0 for label in labels)
        seen.append(len(shown))
    assert set(seen) == {1, 2, 3, 4, 5}


@pytest.mark.parametrize(("fewest", "most"), [(6, 5), (1, 10), (-1, 3), (0, 0)])
def test_numbers_of_digits_that_do_not_fit_are_refused(fewest: int, most: int) -> None:
    with pytest.raises(ValueError, match="do not fit into 9 cells"):
        EvenDigits(load_digits(), fewest, most)


# ---------------------------------------------------------------------------------------------- the models


@pytest.mark.parametrize("head", HEADS)
def test_every_output_layer_gives_a_number(head: str) -> None:
    assert Counter(24, HEADS[head]())(torch.rand(3, 1, 24, 24)).shape == (3,)


def test_bias_is_added_to_the_accumulator() -> None:
    layer, x = NACWithBias(4, 1), torch.rand(3, 4)
    with torch.no_grad():
        layer.bias.fill_(2.5)
    torch.testing.assert_close(layer(x), nn.NAC.forward(layer, x) + 2.5)
    torch.testing.assert_close(layer(torch.zeros(1, 4)), torch.full((1, 1), 2.5))


# ---------------------------------------------------------------------------------------------- the claims


def judged(right: Mapping[str, Sequence[float]], settings: object = LAPTOP) -> dict[str, Claim]:
    """Of models that count the share ``right[head][seed]`` of pictures rightly."""
    table = pl.DataFrame(
        [
            {"unit": head, "seed": seed, "accuracy": share, "accuracy_more": share / 2}
            for head, own in right.items()
            for seed, share in enumerate(own)
        ]
    )
    return {claim.id: claim for claim in EXPERIMENT.claims(table, settings)}


def test_accumulator_must_count_more_rightly() -> None:
    id, affine = "NAC/more-right-than-affine", [0.85, 0.86, 0.84]
    better = judged({"affine": affine, "NAC": [0.93, 0.92, 0.94]})
    assert better[id].holds is True
    assert better[id].measured == pytest.approx(0.08)
    assert f"{LAPTOP.steps:,} of 200,000 steps" in str(better[id].why)
    assert (better["affine/accuracy"].published, better["affine/accuracy"].measured) == (0.851, 0.85)
    assert judged({"affine": affine, "NAC": [0.93, 0.82, 0.94]})[id].holds is False
    assert judged({"affine": affine, "NAC": [0.93, 0.92, 0.94]}, SMOKE)[id].holds is None


def test_ablation_compares_what_was_run() -> None:
    claims = judged({head: [0.8 + i / 100, 0.8] for i, head in enumerate(HEADS)})
    ablation = {id: claim.measured for id, claim in claims.items() if "-over-" in id}
    assert ablation == {
        "NAC-over-linear/tanh-sigma": pytest.approx(0.005),
        "NAC-bias-over-affine/tanh-sigma": pytest.approx(0.015),
        "NAC-over-NAC-bias/no-bias": pytest.approx(-0.005),
        "linear-over-affine/no-bias": pytest.approx(0.005),
    }
    assert not [id for id in judged({"NAC": [0.9, 0.8]}) if "over" in id or "than" in id]


# --------------------------------------------------------------------------------------- from start to page


def test_smoke_preset_goes_from_start_to_page(tmp_path: Path) -> None:
    outcome = run(EXPERIMENT, SMOKE, preset="smoke", folder=tmp_path, command="test", display=Silent())
    assert outcome.results.height == 4
    assert outcome.results["accuracy"].is_between(0, 1).all()
    assert "counting even digits" in write_page(tmp_path).read_text()


def test_interrupted_training_goes_on_to_the_same_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (part,) = EXPERIMENT.parts(replace(SMOKE, heads=("NAC",)))
    assert_resumes_alike(part, 3, tmp_path, monkeypatch)


def test_unknown_output_layer_gets_one_line() -> None:
    with pytest.raises(UserError, match=r"--heads: .*'NACs'.*NAC"):
        with_options(SMOKE, {"heads": "NACs"})
