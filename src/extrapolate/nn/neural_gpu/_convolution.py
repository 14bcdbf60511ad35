"""A convolution over three positions of (B, n, m) for CPUs, and its gradients; weights as in the diagonal cell."""

import numpy as np
import torch
from torch import Tensor


class Convolution:
    """Convolution over three positions by Winograd's F(4, 3), with zero padding.

    It computes four outputs with six products instead of twelve (see :mod:`._convolution_kernels`).

    Args:
        weight: (outputs, 3 m): columns are the m channels of the left neighbour, the position itself, and the right
            neighbour.
        bias: (outputs,).
        shape: shape of the input, (B, n, m).

    All tensors are float32.
    """

    def __init__(self, weight: Tensor, bias: Tensor, shape: torch.Size) -> None:
        from extrapolate.nn.neural_gpu import _convolution_kernels as kernels

        outputs, (count, length, width) = len(bias), shape
        self.kernels, self.bias = kernels, bias
        self.filter = torch.from_numpy(filter_transform(*kernels.POINTS)).float()
        taps = weight.view(outputs, 3, width).permute(1, 2, 0).reshape(3, -1)
        self.weight = (self.filter @ taps).view(-1, width, outputs)
        tiles = count * -(-length // kernels.TILE)
        self.values, self.products = (weight.new_empty(len(self.filter), tiles, each) for each in (width, outputs))

    def __call__(self, x: Tensor, y: Tensor) -> None:
        """Write the convolution of x (B, n, m) to y (B, n, outputs)."""
        self.kernels.input_transform(x.numpy(), self.values.numpy())
        torch.bmm(self.values, self.weight, out=self.products)
        self.kernels.output_transform(self.products.numpy(), self.bias.numpy(), y.numpy())


class Gradients:
    """Gradients of a convolution; those of weight and bias are summed over all calls."""

    def __init__(self, convolution: Convolution) -> None:
        self.convolution = convolution
        self.dweight, self.dbias = torch.zeros_like(convolution.weight), torch.zeros_like(convolution.bias)

    def __call__(self, dy: Tensor, x: Tensor, dx: Tensor) -> None:
        """Write the gradient of x to dx (B, n, m), from the gradient of the output, dy (B, n, outputs).

        ``dx`` may be ``x``.
        """
        convolution, kernels = self.convolution, self.convolution.kernels
        kernels.input_transform(x.numpy(), convolution.values.numpy())
        kernels.output_adjoint(dy.numpy(), convolution.products.numpy())
        self.dweight.baddbmm_(convolution.values.transpose(1, 2), convolution.products)
        self.dbias += dy.sum((0, 1))
        torch.bmm(convolution.products, convolution.weight.transpose(1, 2), out=convolution.values)
        kernels.input_adjoint(convolution.values.numpy(), dx.numpy())

    def sums(self) -> tuple[Tensor, Tensor]:
        """Return the gradients of weight and bias, summed over all calls."""
        dtaps = (self.convolution.filter.T @ self.dweight.flatten(1)).view(3, *self.dweight.shape[1:])
        return dtaps.permute(2, 0, 1).flatten(1), self.dbias


def filter_transform(a: float, b: float) -> np.ndarray:
    """Return the matrix (6, 3) from three weights to their values at 0, a, -a, b, -b and infinity; float64.

    The weights are the coefficients of a polynomial. Its value at each point is divided by the product of the
    point's distances to the other points.
    """
    points = [0, a, -a, b, -b]
    distances = [np.prod([p - q for q in points if q != p]) for p in points]
    rows = [[1 / d, p / d, p * p / d] for p, d in zip(points, distances, strict=True)]
    return np.array([*rows, [0, 0, 1]])
