"""What the experiments on images of digits share: the images, an encoder, the optimizer."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import torch
from torch import Tensor, nn

from extrapolate.experiments import lab
from extrapolate.nn import ConvEncoder
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


def adam(learning_rate: float) -> Callable[[list[Tensor]], torch.optim.Optimizer]:
    # The first gradients of a sum are a hundred times those that distinguish its weights. With the usual second
    # decay of 0.999 they keep the steps small for ten thousand more.
    return partial(torch.optim.Adam, lr=learning_rate, betas=(0.9, 0.99), fused=True)


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
