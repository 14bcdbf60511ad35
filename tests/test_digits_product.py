"""Products of two digits: the pairs, the pictures, the networks, and how the published findings are judged."""

from collections.abc import Mapping, Sequence

import polars as pl
import pytest
import torch
from torch.nn import functional as F

from extrapolate.experiments import Claim
from extrapolate.experiments.digits._product_models import READERS, UNITS, Multiplier, expected, sample
from extrapolate.experiments.digits.digits_product import digits_product, share_right
from extrapolate.tasks import ByDigit, DigitPairs, load_digits, placed


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


def test_label_is_the_mean_digit() -> None:
    logits = torch.full((2, 10), -100.0)
    logits[0, 7] = logits[1, 2] = logits[1, 4] = 100
    assert expected(logits).tolist() == [7, 3]


def test_spatial_transformer_samples_as_torch_does() -> None:
    images = torch.rand(6, 2, 12, 12)
    theta = torch.eye(2, 3) + 0.4 * torch.randn(6, 2, 3)
    grid = F.affine_grid(theta, [6, 2, 8, 8], align_corners=False)
    known = F.grid_sample(images, grid, align_corners=False)
    torch.testing.assert_close(sample(images, theta, 8), known)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize(("images", "shape"), [("isolated", (3, 2, 1, 8, 8)), ("colour", (3, 2, 12, 12))])
def test_every_network_gives_labels_and_product(unit: str, images: str, shape: tuple[int, ...]) -> None:
    labels, product = Multiplier(READERS[images](8), UNITS[unit]())(torch.rand(shape))
    assert labels.shape == (3, 2)
    assert ((labels >= 0) & (labels <= 9)).all()
    assert product.shape == (3, 1)


class Answers(torch.nn.Module):
    """Gives the labels and products that it was made with, whatever the images."""

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
        right, by_digit = share_right(Answers(labels, product), torch.empty(0), digits)
        assert right == 0.5
        assert by_digit.tolist() == [0.5 if digit == 4 else 1 for digit in range(10)]


def judged(column: str, shares: Mapping[str, Sequence[float]]) -> dict[str, Claim]:
    """Claims of models whose ``column`` is ``shares[unit][seed]``."""
    shown = {"label_accuracy": 0.0, "unseen_accuracy": 0.0}
    table = pl.DataFrame(
        [
            {"unit": unit, "range": "digits side by side", "seed": seed, **shown, column: share}
            for unit, own in shares.items()
            for seed, share in enumerate(own)
        ]
    )
    return {claim.id: claim for claim in digits_product.claims(table, digits_product.presets["laptop"])}


@pytest.mark.parametrize(("column", "other"), [("label_accuracy", "NMU"), ("unseen_accuracy", "MLP")])
def test_stochastic_unit_must_be_right_more_often_seed_by_seed(column: str, other: str) -> None:
    id, less = f"StochasticNMU/digits side by side/{column}-over-{other}", [0.90, 0.91, 0.92]
    better = judged(column, {other: less, "StochasticNMU": [0.95, 0.96, 0.98]})
    assert list(better) == [id]
    assert (better[id].holds, better[id].measured) == (True, pytest.approx(0.05333, abs=1e-4))
    assert judged(column, {other: less, "StochasticNMU": [0.95, 0.86, 0.98]})[id].holds is False
