"""What the experiments on images of digits share: the images, the convolutional encoder, the optimizer."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from extrapolate.experiments import lab
from extrapolate.tasks import Digits, load_digits

#: What ``--data`` calls the digits that come with scikit-learn.
EMBEDDED = "scikit-learn"


@lru_cache(maxsize=1)
def digits_of(data: str, device: str = "cpu") -> Digits:
    """The images that ``--data`` names, read once in a process.

    Raises:
        UserError: the folder is required and not given, or its files cannot be read.
    """
    lab.require(data, "--data DIR with MNIST's four files")
    return load_digits(None if data == EMBEDDED else Path(data)).to(device)


@dataclass(frozen=True, kw_only=True)
class DigitConfig(lab.Config):
    """The options of all experiments on images of digits."""

    data: str = lab.folder(
        EMBEDDED,
        EMBEDDED,
        f"{EMBEDDED}, or a folder with MNIST's files (the papers' images).",
        cut=lab.instead(EMBEDDED, "MNIST"),
    )
    compile: bool = False  # patches and products of many sizes: compiling takes longer than it saves


def adam(rate: float) -> Callable[[list[Tensor]], torch.optim.Optimizer]:
    # The first gradients of a sum are a hundred times those that distinguish its weights. With the usual second
    # decay of 0.999 they keep the steps small for ten thousand more.
    return partial(torch.optim.Adam, lr=rate, betas=(0.9, 0.99), fused=True)


def _patches(x: Tensor) -> Tensor:
    """The 3 × 3 neighbourhoods of every second position: (..., S, S, C) to (..., ⌈S/2⌉, ⌈S/2⌉, 9 C)."""
    size, padded = x.shape[-2], F.pad(x, (0, 0, 1, 1, 1, 1))
    shifted = [padded[..., i : i + size : 2, j : j + size : 2, :] for i in range(3) for j in range(3)]
    return torch.cat(shifted, -1)


class ConvEncoder(nn.Module):
    """Images (..., C, S, S) to features (..., O): two 3 × 3 convolutions with stride 2, then a linear layer.

    The convolutions are products with patches. ``vmap`` makes one batched product of R of those, but a grouped
    convolution of R convolutions, which is many times slower on a CPU.
    """

    def __init__(self, size: int, out_features: int, *, colours: int = 1) -> None:
        super().__init__()
        self.first = nn.Linear(9 * colours, 8)
        self.second = nn.Linear(9 * 8, 16)
        self.last = nn.Linear(16 * ((size + 3) // 4) ** 2, out_features)

    def forward(self, images: Tensor) -> Tensor:
        x = torch.relu(self.first(_patches(images.movedim(-3, -1))))
        x = torch.relu(self.second(_patches(x)))
        return self.last(x.flatten(-3))


class DeepEncoder(nn.Module):
    """Images (..., C, S, S), pixels in [0, 1], to features (..., O): a :class:`ConvEncoder`, one linear layer more.

    A :class:`ConvEncoder` alone does not learn its images exactly, and a sum is only as exact as its summands.
    """

    def __init__(self, size: int, out_features: int, *, colours: int = 1) -> None:
        super().__init__()
        self.encoder = ConvEncoder(size, 64, colours=colours)
        self.last = nn.Linear(64, out_features)

    def forward(self, images: Tensor) -> Tensor:
        standardized = (images - 0.3) / 0.4  # about the mean and the deviation of the embedded digits' pixels
        return self.last(torch.relu(self.encoder(standardized)))
