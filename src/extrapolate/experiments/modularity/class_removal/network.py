"""The published small convolutional network, of any channels."""

import itertools

from torch import Tensor, nn

#: Dropout of the convolution before the last one, as a share of that of the last.
EARLIER = 0.5

#: So many poolings halve the image.
POOLINGS = 3


class Classifier(nn.Module):
    """Images (B, C, S, S) to logits (B, classes): 3 × 3 convolutions, ReLU and pooling, and the mean over all places.

    Published: channels 32, 64, 128, 256; dropout 0.25 after the third convolution and 0.5 after the last
    (arXiv 2010.02066).
    """

    def __init__(self, in_channels: int, channels: tuple[int, ...], classes: int, dropout: float) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for place, (inside, outside) in enumerate(itertools.pairwise((in_channels, *channels))):
            left = len(channels) - 1 - place
            layers += [nn.Conv2d(inside, outside, 3, padding=1), nn.ReLU()]
            layers += [nn.Dropout(dropout * EARLIER**left)] if left < 2 else []
            layers += [nn.MaxPool2d(2, ceil_mode=True)] if place < POOLINGS and left else []
        self.features = nn.Sequential(*layers)
        self.out = nn.Linear(channels[-1], classes)

    def forward(self, images: Tensor) -> Tensor:
        return self.out(self.features(images).mean((-2, -1)))
