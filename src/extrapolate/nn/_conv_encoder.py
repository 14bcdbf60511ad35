"""A small convolutional image encoder in operations that ``vmap`` can map."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def _patches(x: Tensor) -> Tensor:
    """Return the 3 × 3 patch around every second pixel: (..., S, S, C) to (..., ⌈S/2⌉, ⌈S/2⌉, 9 C)."""
    size, padded = x.shape[-2], F.pad(x, (0, 0, 1, 1, 1, 1))
    shifted = [padded[..., i : i + size : 2, j : j + size : 2, :] for i in range(3) for j in range(3)]
    return torch.cat(shifted, -1)


class ConvEncoder(nn.Module):
    """Images (..., C, S, S) to features (..., O): two 3 × 3 convolutions with stride 2, then a linear layer.

    The convolutions are matrix products with patches. ``vmap`` over R replicas turns these into one batched product.
    It would turn ``conv2d`` into a grouped convolution, which is many times slower on a CPU.

    Args:
        size: S, height and width of an image in pixels.
        out_features: O, number of features.
        colours: C, number of channels of an image.
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
