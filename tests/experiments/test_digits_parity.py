"""Counting even digits: the pictures, the output layers, and the claims."""

import pytest
import torch

from extrapolate import nn
from extrapolate.experiments.digits.digits_parity import HEADS, NACWithBias, build_counter, digits_parity
from extrapolate.tasks import EvenDigits, load_digits
from made_up import claims_of


def test_answer_is_the_number_of_even_digits_in_the_picture() -> None:
    digits = load_digits().test
    task = EvenDigits(load_digits())
    pictures, answers = task.render(digits, torch.rand(100, task.draws))
    assert pictures.shape == (100, 1, 24, 24)
    seen = []
    for picture, answer in zip(pictures, answers.tolist(), strict=True):
        cells = [picture[:, 8 * r : 8 * r + 8, 8 * c : 8 * c + 8] for r in range(3) for c in range(3)]
        filled = [cell for cell in cells if cell.any()]
        labels = [digits.labels[(digits.images == cell).flatten(1).all(1)][0] for cell in filled]
        assert answer == sum(int(label) % 2 == 0 for label in labels)
        seen.append(len(filled))
    assert set(seen) == {1, 2, 3, 4, 5}


@pytest.mark.parametrize(("fewest", "most"), [(6, 5), (1, 10), (-1, 3), (0, 0)])
def test_numbers_of_digits_that_do_not_fit_are_refused(fewest: int, most: int) -> None:
    with pytest.raises(ValueError, match="do not fit into 9 cells"):
        EvenDigits(load_digits(), fewest, most)


def test_every_output_layer_gives_a_number() -> None:
    for head in HEADS:
        assert build_counter(24, head)(torch.rand(3, 1, 24, 24)).shape == (3,)


def test_bias_is_added_to_the_accumulator() -> None:
    layer, x = NACWithBias(4, 1), torch.rand(3, 4)
    with torch.no_grad():
        layer.bias.fill_(2.5)
    torch.testing.assert_close(layer(x), nn.NAC.forward(layer, x) + 2.5)


def test_accumulator_must_count_more_pictures_correctly_by_seed() -> None:
    id, affine = "NAC/more-right-than-affine", [0.85, 0.86, 0.84]
    better, worse = (
        claims_of(digits_parity, "accuracy", {"affine": affine, "NAC": [0.93, own, 0.94]}) for own in (0.92, 0.82)
    )
    assert (better[id].holds, better[id].measured, worse[id].holds) == (True, pytest.approx(0.08), False)
    assert (better["affine/accuracy"].published, better["affine/accuracy"].measured) == (0.851, 0.85)


def test_ablation_compares_the_output_layers_that_were_trained() -> None:
    shares = {head: [0.8 + i / 100, 0.8] for i, head in enumerate(HEADS)}
    claims = claims_of(digits_parity, "accuracy", shares)
    assert {id: claim.measured for id, claim in claims.items() if "-over-" in id} == {
        "NAC-over-linear/tanh-sigma": pytest.approx(0.005),
        "NAC-bias-over-affine/tanh-sigma": pytest.approx(0.015),
        "NAC-over-NAC-bias/no-bias": pytest.approx(-0.005),
        "linear-over-affine/no-bias": pytest.approx(0.005),
    }
    assert list(claims_of(digits_parity, "accuracy", {"NAC": [0.9, 0.8]})) == ["NAC/accuracy"]
