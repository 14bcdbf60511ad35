"""Problems of the Madam paper: CIFAR-10 with ResNet-18, and Wikitext-2 with a transformer.

Sizes and training are those of the paper's scripts. CIFAR-100, ImageNet and the GAN are not part of this package.
"""

import math
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from extrapolate._runtime.errors import UserError
from extrapolate.tasks import DigitSet, ImageClasses, NextWord, load_cifar, load_wikitext

#: How to set ``--data``, for error messages.
FILES = "--data DIR with CIFAR-10's binary files and the folder wikitext-2 of Wikitext-2"


class ResidualBlock(nn.Module):
    """Two 3 × 3 convolutions with batch norms (no gain, no shift) and a shortcut, (B, I, S, S) to (B, O, S', S')."""

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.path = nn.Sequential(
            *_convolution(in_channels, channels, 3, stride), nn.ReLU(), *_convolution(channels, channels, 3)
        )
        same = stride == 1 and in_channels == channels
        self.shortcut = nn.Sequential() if same else nn.Sequential(*_convolution(in_channels, channels, 1, stride))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.path(x) + self.shortcut(x))


def _convolution(in_channels: int, channels: int, size: int, stride: int = 1) -> tuple[nn.Module, nn.Module]:
    """Return a convolution and a batch norm without parameters, as in the paper's code.

    Madam cannot train parameters that begin at 0.
    """
    convolution = nn.Conv2d(in_channels, channels, size, stride, size // 2, bias=False)
    return convolution, nn.BatchNorm2d(channels, affine=False)


def resnet18() -> nn.Sequential:
    """Return a ResNet-18 for small images: (B, 3, 32, 32) to logits (B, 10). Source: He et al. 2015."""
    sizes = [(64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2)]
    blocks = [
        block
        for before, channels, stride in sizes
        for block in (ResidualBlock(before, channels, stride), ResidualBlock(channels, channels, 1))
    ]
    ends = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10)
    return nn.Sequential(*_convolution(3, 64, 3), nn.ReLU(), *blocks, *ends)


class TextTransformer(nn.Module):
    """A network from words (B, T) to logits of each next word (B, T, V).

    Two encoder layers of width 200, 2 heads, dropout 0.2.
    """

    def __init__(self, words: int, width: int = 200, length: int = 35) -> None:
        super().__init__()
        self.embedding, self.last = nn.Embedding(words, width), nn.Linear(width, words)
        layer = nn.TransformerEncoderLayer(width, 2, width, 0.2, torch.relu, batch_first=True)
        self.layers, self.dropout = (
            nn.TransformerEncoder(layer, 2, enable_nested_tensor=False),
            nn.Dropout(0.2),
        )
        angles = torch.arange(length)[:, None] * 10_000.0 ** (-torch.arange(0, width, 2) / width)
        self.positions = nn.Buffer(torch.stack([angles.sin(), angles.cos()], -1).flatten(1))

    def forward(self, words: Tensor) -> Tensor:
        x = self.embedding(words) * math.sqrt(self.embedding.embedding_dim)
        later = nn.Transformer.generate_square_subsequent_mask(words.shape[1], words.device)
        x = self.dropout(x + self.positions[: words.shape[1]])
        return self.last(self.layers(x, later, is_causal=True))


def _folder(data: str) -> Path:
    if not Path(data).is_dir():
        raise UserError(f"the paper's data are not part of this package: give {FILES}")
    return Path(data)


def cifar(data: str, device: str) -> ImageClasses:
    """Load CIFAR-10's binary version. As in the paper, all 50,000 training images train."""
    images = load_cifar(_folder(data)).to(device)
    known, held_out = images.training, images.validation
    every = DigitSet(torch.cat([known.images, held_out.images]), torch.cat([known.labels, held_out.labels]))
    return ImageClasses(replace(images, training=every))


def wikitext(data: str, device: str) -> NextWord:
    """Load Wikitext-2 from the folder or its subfolder ``wikitext-2``; passages have 35 words.

    Raises:
        UserError: the files cannot be read or are incomplete.
    """
    folder = _folder(data)
    inside = folder / "wikitext-2"
    corpus = load_wikitext(inside if inside.is_dir() else folder).to(device)
    try:
        return NextWord(corpus, 35)
    except ValueError as error:
        raise UserError(f"{folder} does not contain all of Wikitext-2: {error}") from None
