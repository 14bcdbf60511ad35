"""Convolutions over three places with hand-written gradients, against torch's in float64."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from extrapolate.nn._convolution import Convolution, Direct, Winograd, convolution


def expected(x: Tensor, weight: Tensor, bias: Tensor, error: Tensor) -> tuple[Tensor, ...]:
    """The output, and the gradients of x, weight and bias."""
    x, weight, bias = (each.double().requires_grad_() for each in (x, weight, bias))
    kernel = weight.view(len(weight), 3, -1).transpose(1, 2)
    y = F.conv1d(x.transpose(1, 2), kernel, bias, padding=1).transpose(1, 2)
    return y.detach(), *torch.autograd.grad(y, (x, weight, bias), error.double())


def found(sums: Convolution, x: Tensor, error: Tensor) -> tuple[Tensor, ...]:
    y, dx = torch.full_like(error, torch.nan), torch.full_like(x, torch.nan)
    sums(x, y)
    sums.back(error, x, dx)
    return y, dx, *sums.gradients()


def made(way: str, weight: Tensor, bias: Tensor, x: Tensor) -> Convolution:
    return Winograd(weight, bias, x.shape) if way == "Winograd" else Direct(weight, bias, torch.float32)


@pytest.mark.parametrize("way", ["Winograd", "Direct"])
@given(
    count=st.integers(1, 4),
    length=st.integers(1, 14),
    width=st.integers(1, 50),
    outputs=st.integers(1, 40),
    seed=st.integers(0, 2**20),
)
def test_outputs_and_gradients_are_those_of_torch(
    way: str, count: int, length: int, width: int, outputs: int, seed: int
) -> None:
    """Numbers at most 1, as states are: sums round to about 1e-6."""
    generator = torch.Generator().manual_seed(seed)
    x = 2 * torch.rand(count, length, width, generator=generator) - 1
    error = torch.randn(count, length, outputs, generator=generator)
    weight = torch.randn(outputs, 3 * width, generator=generator) / (3 * width) ** 0.5
    bias = torch.randn(outputs, generator=generator)
    sides = found(made(way, weight, bias, x), x, error), expected(x, weight, bias, error)
    for ours, theirs in zip(*sides, strict=True):
        assert (ours - theirs).abs().max() <= 1e-5 * max(1, theirs.abs().max())


@pytest.mark.parametrize("way", ["Winograd", "Direct"])
def test_gradients_of_weights_add_up_and_that_of_x_may_take_its_place(way: str) -> None:
    x, error = torch.randn(3, 9, 5), torch.randn(3, 9, 4)
    weight, bias = torch.randn(4, 15), torch.randn(4)
    _, dx, dweight, dbias = expected(x, weight, bias, error)
    sums, place = made(way, weight, bias, x), x.clone()
    sums.back(error, x, torch.empty_like(x))
    sums.back(error, place, place)
    torch.testing.assert_close(place, dx.float(), atol=1e-5, rtol=1e-5)
    for ours, once in zip(sums.gradients(), (dweight, dbias), strict=True):
        torch.testing.assert_close(ours, 2 * once.float(), atol=1e-4, rtol=1e-5)


def test_shorter_numbers_are_multiplied_place_by_place() -> None:
    weight, bias, shape = torch.randn(4, 15), torch.zeros(4), torch.Size((1, 7, 5))
    assert isinstance(convolution(weight, bias, shape, torch.float32), Winograd)
    assert isinstance(convolution(weight, bias, shape, torch.bfloat16), Direct)
