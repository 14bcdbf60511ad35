"""A convolution over three places of (B, n, m) on a CPU, and its gradients; weights as the diagonal cell has them.

Winograd's way halves the multiplications; of numbers shorter than float32 it would lose what digits they have.
"""

from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F


class Convolution(Protocol):
    """Of weight (outputs, left | own | right place's maps) and bias."""

    def __call__(self, x: Tensor, y: Tensor) -> None:
        """y (B, n, outputs) ← that of x (B, n, m), zeros beyond the ends."""
        ...

    def back(self, error: Tensor, x: Tensor, dx: Tensor) -> None:
        """dx, which may be x, ← its gradient from that of the output; those of the weights add up inside."""
        ...

    def gradients(self) -> tuple[Tensor, Tensor]:
        """Of weight and bias, from all calls of ``back``."""
        ...


class Winograd:
    """Of float32 numbers, in tiles of four places, of six products each (:mod:`._winograd_kernels`)."""

    def __init__(self, weight: Tensor, bias: Tensor, shape: torch.Size) -> None:
        from extrapolate.nn import _winograd_kernels as kernels

        outputs, (count, length, width) = len(bias), shape
        self.kernels, self.bias = kernels, bias
        self.points = torch.from_numpy(_filter_values(*kernels.POINTS)).float()
        taps = weight.view(outputs, 3, width).permute(1, 2, 0).reshape(3, -1)
        self.weight = (self.points @ taps).view(-1, width, outputs)
        self.dweight, self.dbias = torch.zeros_like(self.weight), torch.zeros_like(bias)
        tiles = count * -(-length // kernels.PLACES)
        self.inputs, self.outputs = (
            weight.new_empty(len(self.points), tiles, each) for each in (width, outputs)
        )

    def __call__(self, x: Tensor, y: Tensor) -> None:
        self.kernels.inputs(x.numpy(), self.inputs.numpy())
        torch.bmm(self.inputs, self.weight, out=self.outputs)
        self.kernels.outputs(self.outputs.numpy(), self.bias.numpy(), y.numpy())

    def back(self, error: Tensor, x: Tensor, dx: Tensor) -> None:
        self.kernels.inputs(x.numpy(), self.inputs.numpy())
        self.kernels.outputs_adjoint(error.numpy(), self.outputs.numpy())
        self.dweight.baddbmm_(self.inputs.transpose(1, 2), self.outputs)
        self.dbias += error.sum((0, 1))
        torch.bmm(self.outputs, self.weight.transpose(1, 2), out=self.inputs)
        self.kernels.inputs_adjoint(self.inputs.numpy(), dx.numpy())

    def gradients(self) -> tuple[Tensor, Tensor]:
        dtaps = (self.points.T @ self.dweight.flatten(1)).view(3, *self.dweight.shape[1:])
        return dtaps.permute(2, 0, 1).flatten(1), self.dbias


def _filter_values(a: float, b: float) -> np.ndarray:
    """(6, 3): from three weights to their values at 0, a, -a, b, -b and infinity; float64.

    A value is that of the polynomial of these weights, divided by the product of the point's distances to the others.
    """
    points = [0, a, -a, b, -b]
    distances = [np.prod([p - q for q in points if q != p]) for p in points]
    rows = [[1 / d, p / d, p * p / d] for p, d in zip(points, distances, strict=True)]
    return np.array([*rows, [0, 0, 1]])


class Direct:
    """Place by place, of numbers of any ``dtype``: sums are float32.

    Forward, torch's convolution is its fastest product on a CPU where maps lie innermost; its gradients are quicker
    as products of matrices.
    """

    def __init__(self, weight: Tensor, bias: Tensor, dtype: torch.dtype) -> None:
        from extrapolate.nn import _diagonal_kernels as kernels

        self.weight, self.bias, self.kernels = weight.to(dtype), bias.to(dtype), kernels
        kernel = self.weight.view(len(weight), 3, -1)[:, None].permute(0, 3, 1, 2)  # (outputs, m, 1, 3)
        self.kernel = kernel.contiguous(memory_format=torch.channels_last)
        self.dweight, self.dbias = torch.zeros_like(weight), torch.zeros_like(bias)

    def __call__(self, x: Tensor, y: Tensor) -> None:
        image = x.to(self.kernel.dtype)[:, None].permute(0, 3, 1, 2)  # (B, m, 1, n), maps innermost
        places = torch.conv2d(image, self.kernel, self.bias, padding=(0, 1))
        y.copy_(places.permute(0, 2, 3, 1)[:, 0])

    def back(self, error: Tensor, x: Tensor, dx: Tensor) -> None:
        rows, dtype = error.flatten(0, 1), self.weight.dtype
        self.dweight += rows.to(dtype).T @ _neighbourhoods(x.to(dtype))
        self.dbias += rows.sum(0)
        dthree = (rows.to(dtype) @ self.weight).float().view(*x.shape[:-1], -1)
        self.kernels.gathered(dthree.numpy(), dx.numpy())

    def gradients(self) -> tuple[Tensor, Tensor]:
        return self.dweight, self.dbias


def _neighbourhoods(x: Tensor) -> Tensor:
    """(B, n, m) to (B n, 3 m): each place's left neighbour, itself and its right one; zeros beyond the ends."""
    count, length, width = x.shape
    strides = ((length + 2) * width, width, 1)  # the three lie side by side in memory
    return F.pad(x, (0, 0, 1, 1)).as_strided((count, length, 3 * width), strides).reshape(-1, 3 * width)


def convolution(weight: Tensor, bias: Tensor, shape: torch.Size, dtype: torch.dtype) -> Convolution:
    """What is quickest for a state of this shape, where numbers of this ``dtype`` are multiplied."""
    return Winograd(weight, bias, shape) if dtype == torch.float32 else Direct(weight, bias, dtype)
