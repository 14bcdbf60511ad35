"""Shared by the experiments on images of digits: the images, an encoder, the optimizer."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import torch
from torch import Tensor, nn

from extrapolate.experiments import lab
from extrapolate.nn import ConvEncoder
from extrapolate.tasks import Digits, load_digits

#: The value of ``--data`` for the digits of scikit-learn.
EMBEDDED = "scikit-learn"


@lru_cache(maxsize=1)
def digits_of(data: str, device: str = "cpu") -> Digits:
    """Read the images of ``--data``, once per process.

    Raises:
        UserError: the folder is required and not set, or its files cannot be read.
    """
    lab.require(data, "--data DIR with MNIST's four files")
    return load_digits(None if data == EMBEDDED else Path(data)).to(device)


@dataclass(frozen=True, kw_only=True)
class DigitConfig(lab.Config):
    """Options of the experiments on images of digits."""

    data: str = lab.folder(
        EMBEDDED,
        EMBEDDED,
        f"Images of digits: {EMBEDDED} (8 × 8 pixels), or a folder with MNIST's four files (published).",
        cut=lab.instead(EMBEDDED, "MNIST"),
    )
    compile: bool = False  # with so different sizes of tensors, compiling takes longer than it saves


def adam(learning_rate: float) -> Callable[[list[Tensor]], torch.optim.Optimizer]:
    # The first gradients of a sum are 100 times larger than those that later distinguish its weights. With the usual
    # second decay of 0.999, they would keep the steps small for another 10,000 steps.
    return partial(torch.optim.Adam, lr=learning_rate, betas=(0.9, 0.99), fused=True)


class DeepEncoder(nn.Module):
    """Maps images (..., C, S, S), pixels in [0, 1], to features (..., O): a :class:`ConvEncoder` and a linear layer.

    A :class:`ConvEncoder` alone does not read the digits exactly, and a sum is only as exact as its summands.
    """

    def __init__(self, size: int, out_features: int, *, colours: int = 1) -> None:
        super().__init__()
        self.encoder = ConvEncoder(size, 64, colours=colours)
        self.last = nn.Linear(64, out_features)

    def forward(self, images: Tensor) -> Tensor:
        standardized = (images - 0.3) / 0.4  # about the mean and the standard deviation of scikit-learn's pixels
        return self.last(torch.relu(self.encoder(standardized)))
