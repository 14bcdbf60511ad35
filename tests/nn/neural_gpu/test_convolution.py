"""The convolution over three positions with hand-written gradients, against torch in float64."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from extrapolate.nn.neural_gpu._convolution import Convolution, Gradients


def expected(x: Tensor, weight: Tensor, bias: Tensor, dy: Tensor) -> tuple[Tensor, ...]:
    """Return the output, and the gradients of x, weight and bias."""
    x, weight, bias = (each.double().requires_grad_() for each in (x, weight, bias))
    kernel = weight.view(len(weight), 3, -1).transpose(1, 2)
    y = F.conv1d(x.transpose(1, 2), kernel, bias, padding=1).transpose(1, 2)
    return y.detach(), *torch.autograd.grad(y, (x, weight, bias), dy.double())


@given(
    count=st.integers(1, 4),
    length=st.integers(1, 14),
    width=st.integers(1, 50),
    outputs=st.integers(1, 40),
    seed=st.integers(0, 2**20),
)
def test_outputs_and_gradients_are_those_of_torch(
    count: int, length: int, width: int, outputs: int, seed: int
) -> None:
    """Inputs are in [-1, 1], as states are; rounding errors of sums are then about 1e-6."""
    generator = torch.Generator().manual_seed(seed)
    x = 2 * torch.rand(count, length, width, generator=generator) - 1
    dy = torch.randn(count, length, outputs, generator=generator)
    weight = torch.randn(outputs, 3 * width, generator=generator) / (3 * width) ** 0.5
    bias = torch.randn(outputs, generator=generator)
    convolution, y, dx = Convolution(weight, bias, x.shape), torch.empty_like(dy), torch.empty_like(x)
    convolution(x, y)
    gradients = Gradients(convolution)
    gradients(dy, x, dx)
    for ours, theirs in zip((y, dx, *gradients.sums()), expected(x, weight, bias, dy), strict=True):
        assert (ours - theirs).abs().max() <= 1e-5 * max(1, theirs.abs().max())


def test_gradients_of_weights_add_up_and_that_of_x_may_overwrite_x() -> None:
    x, dy, weight, bias = torch.randn(3, 9, 5), torch.randn(3, 9, 4), torch.randn(4, 15), torch.randn(4)
    _, dx, dweight, dbias = expected(x, weight, bias, dy)
    gradients, in_place = Gradients(Convolution(weight, bias, x.shape)), x.clone()
    gradients(dy, x, torch.empty_like(x))
    gradients(dy, in_place, in_place)
    torch.testing.assert_close(in_place, dx.float(), atol=1e-5, rtol=1e-5)
    for ours, once in zip(gradients.sums(), (dweight, dbias), strict=True):
        torch.testing.assert_close(ours, 2 * once.float(), atol=1e-4, rtol=1e-5)
