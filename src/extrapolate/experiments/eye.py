"""The small convolutional network that looks at a digit."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

KERNEL, STRIDE, PADDING = 3, 2, 1

#: About the mean and the deviation of the embedded digits' pixels, which come in [0, 1].
MEAN, DEVIATION = 0.3, 0.4


def _halved(size: int) -> int:
    """Places a side that a kernel of 3 takes in steps of 2."""
    return (size + 2 * PADDING - KERNEL) // STRIDE + 1


def _patches(x: Tensor) -> Tensor:
    """The 3 × 3 neighbourhoods of every second place: (..., S, S, C) to (..., S', S', 9 C)."""
    places = _halved(x.shape[-2])
    reach = STRIDE * (places - 1) + 1
    padded = F.pad(x, (0, 0, PADDING, PADDING, PADDING, PADDING))
    shifted = [
        padded[..., i : i + reach : STRIDE, j : j + reach : STRIDE, :]
        for i in range(KERNEL)
        for j in range(KERNEL)
    ]
    return torch.cat(shifted, -1)


class Eye(nn.Module):
    """Images (..., C, S, S) to features (..., O): two convolutions, 3 × 3 in steps of 2, then a linear layer.

    The convolutions are products with patches: ``vmap`` makes one batched product of R of those, but R
    convolutions a grouped one, which is many times slower on a CPU.
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


class DeepEye(nn.Module):
    """Images (..., C, S, S), pixels in [0, 1], to features (..., O): they are centred; an eye, a linear layer more.

    An :class:`Eye` alone does not learn its images exactly, and an accumulator is only as exact as what it adds up.
    """

    def __init__(self, size: int, out_features: int, *, hidden: int = 64, colours: int = 1) -> None:
        super().__init__()
        self.eye = Eye(size, hidden, colours=colours)
        self.last = nn.Linear(hidden, out_features)

    def forward(self, images: Tensor) -> Tensor:
        return self.last(torch.relu(self.eye((images - MEAN) / DEVIATION)))
