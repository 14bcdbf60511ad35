"""Products of two digits: the pairs, the pictures, what reads them, and how the published finding is judged."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
import torch
from torch.nn import functional as F

from extrapolate.errors import UserError
from extrapolate.experiments import Claim, experiment_named, run, with_options
from extrapolate.experiments.digits_product.models import READERS, UNITS, Multiplier, expected, sampled
from extrapolate.experiments.digits_product.part import DIGITS, _right
from extrapolate.report import write_page
from extrapolate.tasks import ByDigit, DigitPairs, load_digits, placed
from resuming import assert_resumes_alike
from silent import Silent

EXPERIMENT = experiment_named("digits-product")
SMOKE, LAPTOP = EXPERIMENT.presets["smoke"], EXPERIMENT.presets["laptop"]


# ------------------------------------------------------------------------------------------------ the task


def test_folds_part_the_hundred_pairs() -> None:
    folds = [DigitPairs(load_digits(), fold).pairs for fold in range(10)]
    every = {(a, b) for a in range(10) for b in range(10)}
    for seen, unseen in folds:
        assert (len(seen), len(unseen)) == (90, 10)
        assert {tuple(pair) for pair in torch.cat([seen, unseen]).tolist()} == every
    assert {tuple(pair) for _, unseen in folds for pair in unseen.tolist()} == every
    assert torch.equal(DigitPairs(load_digits(), 13).pairs[1], folds[3][1])


def test_images_of_a_digit_show_it() -> None:
    digits = load_digits().test
    labels = torch.arange(10).repeat(50)
    images = ByDigit.of(digits).pictured(labels, torch.rand(500))
    found = [(digits.images == image).flatten(1).all(1).nonzero()[0, 0] for image in images]
    assert torch.equal(digits.labels[torch.stack(found)], labels)


def test_digits_lie_anywhere_each_in_its_colour() -> None:
    images, u = torch.rand(200, 2, 1, 8, 8), torch.rand(200, 2, 2)
    canvas = placed(images, u, 12)
    assert canvas.shape == (200, 2, 12, 12)
    for picture, both, where in zip(canvas, images, (u * 5).long().tolist(), strict=True):
        for colour, (row, column) in enumerate(where):
            expected = torch.zeros(12, 12)
            expected[row : row + 8, column : column + 8] = both[colour, 0]
            assert torch.equal(picture[colour], expected)
    assert {tuple(place) for pair in (u * 5).long().tolist() for place in pair} == {
        (row, column) for row in range(5) for column in range(5)
    }


# ---------------------------------------------------------------------------------------------- the models


def test_label_is_the_mean_digit() -> None:
    logits = torch.full((2, 10), -100.0)
    logits[0, 7] = logits[1, 2] = logits[1, 4] = 100
    assert expected(logits).tolist() == [7, 3]


def test_spatial_transformer_samples_as_torch_does() -> None:
    images = torch.rand(6, 2, 12, 12)
    theta = torch.eye(2, 3) + 0.4 * torch.randn(6, 2, 3)
    grid = F.affine_grid(theta, [6, 2, 8, 8], align_corners=False)
    known = F.grid_sample(images, grid, align_corners=False)
    torch.testing.assert_close(sampled(images, theta, 8), known)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize(("images", "shape"), [("isolated", (3, 2, 1, 8, 8)), ("colour", (3, 2, 12, 12))])
def test_every_network_gives_labels_and_product(unit: str, images: str, shape: tuple[int, ...]) -> None:
    labels, product = Multiplier(READERS[images](8), UNITS[unit]())(torch.rand(shape))
    assert labels.shape == (3, 2)
    assert ((labels >= 0) & (labels <= 9)).all()
    assert product.shape == (3, 1)


class Says(torch.nn.Module):
    """Gives the labels and products that it was made with, whatever it sees."""

    def __init__(self, labels: torch.Tensor, product: torch.Tensor) -> None:
        super().__init__()
        self.labels, self.product = labels, product

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.labels, self.product


def test_labels_count_in_either_order_and_by_digit() -> None:
    digits = torch.cartesian_prod(torch.arange(10), torch.arange(10))
    said = digits.float() + 0.3
    said[:, 0][digits[:, 0] == 4] = 5.0
    product = digits.prod(-1, keepdim=True) + torch.where(digits[:, :1] < 5, 0.4, 0.6)
    for labels in (said, said.flip(-1)):
        right, by_digit = _right(Says(labels, product), torch.empty(0), digits)
        assert right == 0.5
        assert by_digit.tolist() == [0.5 if digit == 4 else 1 for digit in range(10)]


# ---------------------------------------------------------------------------------------------- the claims


def judged(labels: Mapping[str, Sequence[float]], settings: object = LAPTOP) -> dict[str, Claim]:
    """Of models whose share of right labels is ``labels[unit][seed]``, as are all their shares."""
    table = pl.DataFrame(
        [
            {
                "unit": unit,
                "range": "digits side by side",
                "seed": seed,
                **dict.fromkeys(["seen_accuracy", "unseen_accuracy", "label_accuracy", *DIGITS], share),
            }
            for unit, own in labels.items()
            for seed, share in enumerate(own)
        ]
    )
    return {claim.id: claim for claim in EXPERIMENT.claims(table, settings)}


def test_stochastic_unit_must_read_more_labels() -> None:
    id, nmu = "StochasticNMU/digits side by side/label_accuracy-over-NMU", [0.90, 0.91, 0.92]
    better = judged({"NMU": nmu, "StochasticNMU": [0.95, 0.96, 0.98]})
    assert better[id].holds is True
    assert better[id].measured == pytest.approx(0.05333, abs=1e-4)
    assert f"{LAPTOP.steps:,} of 700,000 steps" in str(better[id].why)
    assert better["NMU/digits side by side/digit_3"].measured == pytest.approx(0.91)
    assert judged({"NMU": nmu, "StochasticNMU": [0.95, 0.86, 0.98]})[id].holds is False
    assert judged({"NMU": nmu, "StochasticNMU": [0.95, 0.96, 0.98]}, SMOKE)[id].holds is None


def test_unseen_pairs_are_judged_against_the_mlp() -> None:
    claims = judged({"MLP": [0.1, 0.2, 0.1], "StochasticNMU": [0.8, 0.9, 0.8]})
    assert claims["StochasticNMU/digits side by side/unseen_accuracy-over-MLP"].holds is True


# --------------------------------------------------------------------------------------- from start to page


def test_smoke_preset_goes_from_start_to_page(tmp_path: Path) -> None:
    outcome = run(EXPERIMENT, SMOKE, preset="smoke", folder=tmp_path, command="test", display=Silent())
    assert outcome.results.height == 8
    assert outcome.results["label_accuracy"].is_between(0, 1).all()
    assert outcome.results["evaluated"].to_list() == [[2, 4]] * 8
    assert "digits in two colours, anywhere" in write_page(tmp_path).read_text()


def test_interrupted_training_goes_on_to_the_same_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (part,) = EXPERIMENT.parts(replace(SMOKE, units=("StochasticNMU",), images=("colour",)))
    assert_resumes_alike(part, 3, tmp_path, monkeypatch)


def test_unknown_kind_of_images_gets_one_line() -> None:
    with pytest.raises(UserError, match=r"--images: .*'color'.*colour"):
        with_options(SMOKE, {"images": "color"})
