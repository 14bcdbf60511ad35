"""The published small convolutional network, of any channels, and the images that it classifies."""

import itertools
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor, nn

from extrapolate.experiments import lab
from extrapolate.experiments.digits._images import EMBEDDED
from extrapolate.tasks import Digits, DigitSet, load_digits
from extrapolate.tasks.cifar import has_cifar, load_cifar

CLASSES = tuple(str(each) for each in range(10))


class Classifier(nn.Module):
    """Images (B, C, S, S) to logits (B, classes): 3 × 3 convolutions, ReLU and pooling, the mean over all positions.

    Published: channels 32, 64, 128, 256; dropout 0.25 after the third convolution and 0.5 after the last
    (arXiv 2010.02066).
    """

    def __init__(self, in_channels: int, channels: tuple[int, ...], dropout: float) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for place, (inside, outside) in enumerate(itertools.pairwise((in_channels, *channels))):
            left = len(channels) - 1 - place
            layers += [nn.Conv2d(inside, outside, 3, padding=1), nn.ReLU()]
            layers += [nn.Dropout(dropout * 0.5**left)] if left < 2 else []
            layers += [nn.MaxPool2d(2, ceil_mode=True)] if place < 3 and left else []
        self.features = nn.Sequential(*layers)
        self.out = nn.Linear(channels[-1], len(CLASSES))

    def forward(self, images: Tensor) -> Tensor:
        return self.out(self.features(images).mean((-2, -1)))


@lru_cache(maxsize=2)
def images_of(data: str, device: str = "cpu") -> Digits:
    """The images that ``--data`` names; each channel less its mean over the training set, over its deviation.

    Raises:
        UserError: the folder is required and not given, or its files cannot be read.
    """
    lab.require(data, "--data DIR with the files of CIFAR-10's binary version")
    folder = None if data == EMBEDDED else Path(data)
    found = load_cifar(folder) if folder and has_cifar(folder) else load_digits(folder)
    deviation, mean = torch.std_mean(found.training.images, (0, 2, 3), keepdim=True)
    parts = (found.training, found.validation, found.test)
    return Digits(*(DigitSet((part.images - mean) / deviation, part.labels).to(device) for part in parts))


@lru_cache(maxsize=16)
def places_of(data: str, classes: tuple[str, ...], device: str) -> Tensor:
    """Where the images of these classes are in the training set."""
    wanted = torch.tensor([int(each) for each in classes], device=device)
    return torch.isin(images_of(data, device).training.labels, wanted).nonzero()[:, 0]


def held_out(data: str) -> DigitSet:
    """The images that no weight was trained on: validation and test."""
    one, other = images_of(data).validation, images_of(data).test
    return DigitSet(torch.cat([one.images, other.images]), torch.cat([one.labels, other.labels]))
