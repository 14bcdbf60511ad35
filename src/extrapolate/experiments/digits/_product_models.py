"""The networks of digits-product: from pictures to two labels, and from the labels to their product."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch import nn as torch_nn

from extrapolate import nn
from extrapolate.experiments.digits._images import ConvEncoder, DeepEncoder

CLASSES = 10

#: The side of a canvas, in sides of the digits on it, as published (42 pixels for 28).
CANVAS = 1.5


def canvas_of(size: int) -> int:
    """Pixels along one side of the canvas for digits of ``size`` pixels."""
    return int(CANVAS * size)


class FixedProduct(torch_nn.Module):
    """Labels (..., 2) to their product (..., 1): nothing to learn."""

    def forward(self, labels: Tensor) -> Tensor:
        return labels.prod(-1, keepdim=True)


#: Makes what multiplies two labels, by name.
UNITS: dict[str, Callable[[], torch_nn.Module]] = {
    "NMU": partial(nn.NMU, 2, 1),
    "StochasticNMU": partial(nn.StochasticNMU, 2, 1),
    "BatchStochasticNMU": partial(nn.BatchStochasticNMU, 2, 1),
    "product": FixedProduct,
    "MLP": partial(nn.MLP, 2, 1),
}


def expected(logits: Tensor) -> Tensor:
    """The mean digit (...,) under the softmax of ``logits`` (..., 10): a label from 0 to 9."""
    return torch.softmax(logits, -1) @ torch.arange(CLASSES, dtype=logits.dtype, device=logits.device)


class Isolated(torch_nn.Module):
    """Images (B, 2, 1, S, S) to labels (B, 2): one encoder for both."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.encoder = DeepEncoder(size, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        return expected(self.encoder(images))


def sample(images: Tensor, theta: Tensor, size: int) -> Tensor:
    """Sample images (B, C, L, L) at the affine maps ``theta`` (B, 2, 3), bilinearly: (B, C, size, size).

    Coordinates are from -1 to 1 along both sides, x before y; outside is 0. Source: Jaderberg et al. 2015.
    """
    side = images.shape[-1]
    step = (2 * torch.arange(size, device=images.device) + 1) / size - 1
    y, x = torch.meshgrid(step, step, indexing="ij")
    grid = torch.stack([x, y, torch.ones_like(x)], -1).flatten(0, 1)
    places = ((grid @ theta.mT + 1) * side - 1) / 2
    pixels = torch.arange(side, device=images.device)
    near_x, near_y = torch.relu(1 - (places[..., None] - pixels).abs()).unbind(-2)
    columns = torch.einsum("bpj,bcij->bcpi", near_x, images)
    return torch.einsum("bcpi,bpi->bcp", columns, near_y).unflatten(-1, (size, size))


class Located(torch_nn.Module):
    """A canvas (B, 2, L, L), a digit in each colour, to labels (B, 2).

    Two spatial transformers find one digit each; both crops go through one encoder, then a last layer for each.
    Source: the model without concatenation of Mistry, Farrahi & Hare 2022, with affine maps.
    """

    def __init__(self, size: int, *, found: int = 64) -> None:
        super().__init__()
        self.size = size
        self.finders = torch_nn.ModuleList(
            torch_nn.Sequential(ConvEncoder(canvas_of(size), 32, colours=2), torch_nn.ReLU(), _identity(32))
            for _ in range(2)
        )
        self.encoder = DeepEncoder(size, found, colours=2)
        self.last = torch_nn.ModuleList(torch_nn.Linear(found, CLASSES) for _ in range(2))

    def forward(self, images: Tensor) -> Tensor:
        logits = [
            last(torch.relu(self.encoder(sample(images, finder(images).unflatten(-1, (2, 3)), self.size))))
            for finder, last in zip(self.finders, self.last, strict=True)
        ]
        return expected(torch.stack(logits, -2))


def _identity(in_features: int) -> torch_nn.Linear:
    """Make a layer that gives the identity map for any input until it is trained."""
    layer = torch_nn.Linear(in_features, 6)
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.copy_(torch.tensor([1.0, 0.0, 0.0, 0.0, 1.0, 0.0]))
    return layer


class Multiplier(torch_nn.Module):
    """Images to their labels (B, 2) and the product (B, 1)."""

    def __init__(self, reader: torch_nn.Module, unit: torch_nn.Module) -> None:
        super().__init__()
        self.reader, self.unit = reader, unit

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        labels = self.reader(images)
        return labels, self.unit(labels)


#: Makes what reads the labels, for digits of a size in pixels, by the names of ``--images``.
READERS: dict[str, Callable[[int], torch_nn.Module]] = {"isolated": Isolated, "colour": Located}
