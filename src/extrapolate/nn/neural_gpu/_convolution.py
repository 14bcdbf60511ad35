"""A convolution over three places of (B, n, m) on a CPU, and its gradients; weights as the diagonal cell has them."""

import numpy as np
import torch
from torch import Tensor


class Convolution:
    """Winograd's F(4, 3): six products for four places, instead of twelve (see :mod:`._convolution_kernels`).

    ``weight`` (outputs, left | own | right place's m maps) and ``bias`` are float32, and so is all that is given to
    its methods; ``shape`` is that of the input, (B, n, m). Zeros lie beyond the ends.
    """

    def __init__(self, weight: Tensor, bias: Tensor, shape: torch.Size) -> None:
        from extrapolate.nn.neural_gpu import _convolution_kernels as kernels

        outputs, (count, length, width) = len(bias), shape
        self.kernels, self.bias = kernels, bias
        self.filter = torch.from_numpy(filter_transform(*kernels.POINTS)).float()
        taps = weight.view(outputs, 3, width).permute(1, 2, 0).reshape(3, -1)
        self.weight = (self.filter @ taps).view(-1, width, outputs)
        tiles = count * -(-length // kernels.PLACES)
        self.values, self.products = (weight.new_empty(len(self.filter), tiles, each) for each in (width, outputs))

    def __call__(self, x: Tensor, y: Tensor) -> None:
        """y (B, n, outputs) ← the convolution of x (B, n, m)."""
        self.kernels.input_transform(x.numpy(), self.values.numpy())
        torch.bmm(self.values, self.weight, out=self.products)
        self.kernels.output_transform(self.products.numpy(), self.bias.numpy(), y.numpy())


class Gradients:
    """Those of a convolution; of weight and bias, the sum over all calls."""

    def __init__(self, convolution: Convolution) -> None:
        self.convolution = convolution
        self.dweight, self.dbias = torch.zeros_like(convolution.weight), torch.zeros_like(convolution.bias)

    def __call__(self, dy: Tensor, x: Tensor, dx: Tensor) -> None:
        """dx (B, n, m), which may be x, ← its gradient from that of the output, dy (B, n, outputs)."""
        of, kernels = self.convolution, self.convolution.kernels
        kernels.input_transform(x.numpy(), of.values.numpy())
        kernels.output_adjoint(dy.numpy(), of.products.numpy())
        self.dweight.baddbmm_(of.values.transpose(1, 2), of.products)
        self.dbias += dy.sum((0, 1))
        torch.bmm(of.products, of.weight.transpose(1, 2), out=of.values)
        kernels.input_adjoint(of.values.numpy(), dx.numpy())

    def sums(self) -> tuple[Tensor, Tensor]:
        """Of weight and bias."""
        dtaps = (self.convolution.filter.T @ self.dweight.flatten(1)).view(3, *self.dweight.shape[1:])
        return dtaps.permute(2, 0, 1).flatten(1), self.dbias


def filter_transform(a: float, b: float) -> np.ndarray:
    """(6, 3): from three weights to their values at 0, a, -a, b, -b and infinity; float64.

    A value is that of the polynomial of these weights, divided by the product of the point's distances to the others.
    """
    points = [0, a, -a, b, -b]
    distances = [np.prod([p - q for q in points if q != p]) for p in points]
    rows = [[1 / d, p / d, p * p / d] for p, d in zip(points, distances, strict=True)]
    return np.array([*rows, [0, 0, 1]])
