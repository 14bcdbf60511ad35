"""What the experiments on images of digits share: the images, the convolutional encoder, the optimizer."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from extrapolate.experiments.config import Config, folder, instead, require
from extrapolate.tasks import Digits, load_digits

# ----------------------------------------------------------------------------------------------------- the images

#: What ``--data`` calls the digits that come with scikit-learn.
EMBEDDED = "scikit-learn"


@dataclass(frozen=True, kw_only=True)
class DigitConfig(Config):
    """The options of all experiments on images of digits."""

    data: str = folder(
        EMBEDDED,
        EMBEDDED,
        f"{EMBEDDED}, or a folder with MNIST's files (the papers' images).",
        cut=instead(EMBEDDED, "MNIST"),
    )
    compile: bool = False  # patches and products of many sizes: compiling takes longer than it saves


@lru_cache(maxsize=1)
def digits_of(data: str, device: str = "cpu") -> Digits:
    """The images that ``--data`` names, read once in a process.

    Raises:
        UserError: the folder is required and not given, or its files cannot be read.
    """
    require(data, "--data DIR with MNIST's four files")
    return load_digits(None if data == EMBEDDED else Path(data)).to(device)


# -------------------------------------------------------------------------------------------------- the optimizer

#: Adam's second decay. The first gradients of a sum are a hundred times those that distinguish its weights; with
#: the usual 0.999 they keep the steps small for ten thousand more.
BETAS = (0.9, 0.99)


def adam(rate: float) -> Callable[[list[Tensor]], torch.optim.Optimizer]:
    """Make Adam with the decays that all of these experiments use."""
    return partial(torch.optim.Adam, lr=rate, betas=BETAS, fused=True)


# ---------------------------------------------------------------------------------------------------- the encoder

KERNEL, STRIDE, PADDING = 3, 2, 1

#: About the mean and the standard deviation of the embedded digits' pixels, which lie in [0, 1].
MEAN, DEVIATION = 0.3, 0.4


def _halved(size: int) -> int:
    """Positions along one side of the output of a convolution."""
    return (size + 2 * PADDING - KERNEL) // STRIDE + 1


def _patches(x: Tensor) -> Tensor:
    """The 3 × 3 neighbourhoods of every second position: (..., S, S, C) to (..., S', S', 9 C)."""
    positions = _halved(x.shape[-2])
    reach = STRIDE * (positions - 1) + 1
    padded = F.pad(x, (0, 0, PADDING, PADDING, PADDING, PADDING))
    shifted = [
        padded[..., i : i + reach : STRIDE, j : j + reach : STRIDE, :]
        for i in range(KERNEL)
        for j in range(KERNEL)
    ]
    return torch.cat(shifted, -1)


class ConvEncoder(nn.Module):
    """Images (..., C, S, S) to features (..., O): two 3 × 3 convolutions with stride 2, then a linear layer.

    The convolutions are products with patches. ``vmap`` makes one batched product of R of those, but a grouped
    convolution of R convolutions, which is many times slower on a CPU.
    """

    def __init__(
        self, size: int, out_features: int, channels: tuple[int, int] = (8, 16), colours: int = 1
    ) -> None:
        super().__init__()
        first, second = channels
        self.first = nn.Linear(KERNEL**2 * colours, first)
        self.second = nn.Linear(KERNEL**2 * first, second)
        self.last = nn.Linear(second * _halved(_halved(size)) ** 2, out_features)

    def forward(self, images: Tensor) -> Tensor:
        x = images.movedim(-3, -1)
        x = torch.relu(self.first(_patches(x)))
        x = torch.relu(self.second(_patches(x)))
        return self.last(x.flatten(-3))


class DeepEncoder(nn.Module):
    """Images (..., C, S, S), pixels in [0, 1], to features (..., O): a :class:`ConvEncoder`, one linear layer more.

    A :class:`ConvEncoder` alone does not learn its images exactly, and a sum is only as exact as its summands.
    """

    def __init__(self, size: int, out_features: int, *, hidden: int = 64, colours: int = 1) -> None:
        super().__init__()
        self.encoder = ConvEncoder(size, hidden, colours=colours)
        self.last = nn.Linear(hidden, out_features)

    def forward(self, images: Tensor) -> Tensor:
        return self.last(torch.relu(self.encoder((images - MEAN) / DEVIATION)))
