"""Products of two digits: the pairs, the pictures, the networks, and the claims."""

import pytest
import torch
from torch.nn import functional as F

from extrapolate.experiments.digits.digits_product import (
    UNITS,
    Multiplier,
    digits_product,
    sample,
    share_right,
)
from extrapolate.tasks import DigitPairs, load_digits
from extrapolate.tasks.digit_pairs import ByDigit, paste
from made_up import claims_of


def test_folds_partition_the_hundred_pairs() -> None:
    folds = [DigitPairs(load_digits(), fold).pairs for fold in range(10)]
    every = torch.cartesian_prod(torch.arange(10), torch.arange(10)).tolist()
    for seen, unseen in folds:
        assert (len(seen), len(unseen)) == (90, 10)
        assert sorted(torch.cat([seen, unseen]).tolist()) == every
    assert sorted(torch.cat([unseen for _, unseen in folds]).tolist()) == every
    assert torch.equal(DigitPairs(load_digits(), 13).pairs[1], folds[3][1])


def test_rendered_images_have_the_labels_of_their_digits() -> None:
    digits = load_digits().test
    labels = torch.arange(10).repeat(50)
    images = ByDigit.of(digits).render(labels, torch.rand(500))
    found = [(digits.images == image).flatten(1).all(1).nonzero()[0, 0] for image in images]
    assert torch.equal(digits.labels[torch.stack(found)], labels)


def test_digits_lie_anywhere_each_in_its_colour() -> None:
    images, u = torch.rand(200, 2, 1, 8, 8), torch.rand(200, 2, 2)
    canvas = paste(images, u, 12)
    assert canvas.shape == (200, 2, 12, 12)
    offsets = (u * 5).long().flatten(0, 1)
    for picture, image, (row, column) in zip(
        canvas.flatten(0, 1), images.flatten(0, 2), offsets.tolist(), strict=True
    ):
        padded = F.pad(image, (column, 4 - column, row, 4 - row))
        assert torch.equal(picture, padded)
    assert len(offsets.unique(dim=0)) == 25


def test_label_is_the_mean_digit() -> None:
    model, logits = Multiplier("product", 8, None), torch.full((1, 2, 10), -100.0)
    logits[0, 0, 7] = logits[0, 1, 2] = logits[0, 1, 4] = 100
    model.add_module("reader", torch.nn.Identity())
    labels, product = model(logits)
    assert (labels.tolist(), product.tolist()) == ([[7, 3]], [[21]])


def test_spatial_transformer_samples_as_torch_does() -> None:
    images = torch.rand(6, 2, 12, 12)
    theta = torch.eye(2, 3) + 0.4 * torch.randn(6, 2, 3)
    grid = F.affine_grid(theta, [6, 2, 8, 8], align_corners=False)
    known = F.grid_sample(images, grid, align_corners=False)
    torch.testing.assert_close(sample(images, theta, 8), known)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize(("canvas", "shape"), [(None, (3, 2, 1, 8, 8)), (12, (3, 2, 12, 12))])
def test_every_network_gives_labels_and_product(unit: str, canvas: int | None, shape: tuple) -> None:
    labels, product = Multiplier(unit, 8, canvas)(torch.rand(shape))
    assert (labels.shape, product.shape) == ((3, 2), (3, 1))
    assert ((labels >= 0) & (labels <= 9)).all()


def test_labels_count_in_either_order_and_by_digit() -> None:
    digits = torch.cartesian_prod(torch.arange(10), torch.arange(10))
    predicted = digits.float() + 0.3
    predicted[:, 0][digits[:, 0] == 4] = 5.0
    product = digits.prod(-1, keepdim=True) + torch.where(digits[:, :1] < 5, 0.4, 0.6)
    for labels in (predicted, predicted.flip(-1)):
        model = torch.nn.Module()
        model.forward = lambda images, labels=labels: (labels, product)
        right, by_digit = share_right(model, torch.empty(0), digits)
        assert right == 0.5
        assert by_digit.tolist() == [0.5 if digit == 4 else 1 for digit in range(10)]


@pytest.mark.parametrize(("column", "other"), [("label_accuracy", "NMU"), ("unseen_accuracy", "MLP")])
def test_stochastic_unit_must_be_correct_more_often_by_seed(column: str, other: str) -> None:
    for own, holds in (([0.95, 0.96, 0.98], True), ([0.95, 0.86, 0.98], False)):
        shares, split = {other: [0.90, 0.91, 0.92], "StochasticNMU": own}, "digits side by side"
        ((id, claim),) = claims_of(digits_product, column, shares, split=split).items()
        assert id == f"StochasticNMU/{split}/{column}-over-{other}"
        assert (claim.holds, claim.measured) == (holds, pytest.approx(sum(own) / 3 - 0.91))
