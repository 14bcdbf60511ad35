"""Gradient noise: its size, its truncation, and that it depends only on seed, step and parameter index."""

import math

import pytest
import torch
from torch import Tensor

from extrapolate.optim import GradientNoise


def noised(noise: GradientNoise, *shapes: tuple[int, ...], step_count: int = 1) -> list[Tensor]:
    """Add noise to zero gradients at each of ``step_count`` steps, and return the last gradients."""
    params = [torch.zeros(shape) for shape in shapes]
    optimizer = torch.optim.SGD(params, lr=0.0)
    optimizer.register_step_pre_hook(noise)
    for _ in range(step_count):
        for each in params:
            each.grad = torch.zeros_like(each)
        optimizer.step()
    return [each.grad for each in params if each.grad is not None]


def test_noise_is_truncated_normal() -> None:
    (sample,) = noised(GradientNoise(0.5), (100_000,))
    assert sample.abs().max() <= 1.0
    # the variance of a standard normal truncated at ±2: 1 − 4φ(2) / (Φ(2) − Φ(−2))
    density = math.exp(-2) / math.sqrt(2 * math.pi)
    assert sample.std() == pytest.approx(0.5 * math.sqrt(1 - 4 * density / math.erf(math.sqrt(2))), rel=0.01)
    assert sample.mean() == pytest.approx(0.0, abs=0.005)


def test_noise_differs_by_parameter_step_and_seed() -> None:
    first, second = noised(GradientNoise(1.0), (50,), (50,))
    (later,) = noised(GradientNoise(1.0), (50,), step_count=2)
    (other,) = noised(GradientNoise(1.0, seed=1), (50,))
    (again,) = noised(GradientNoise(1.0), (50,))
    assert torch.equal(first, again)
    assert all(not torch.isclose(first, each).any() for each in (second, later, other))


def test_resumed_noise_equals_uninterrupted_noise() -> None:
    noise = GradientNoise(1.0, seed=3)
    noised(noise, (5,), step_count=4)
    resumed = GradientNoise(1.0)
    resumed.load_state_dict(noise.state_dict())
    assert torch.equal(noised(resumed, (5,))[0], noised(noise, (5,))[0])


def test_replicas_may_have_different_sizes_of_noise() -> None:
    (sample,) = noised(GradientNoise(torch.tensor([0.0, 2.0])), (2, 300))
    assert not sample[0].any()
    assert sample[1].std() > 1


def test_parameters_without_gradients_get_no_noise() -> None:
    weight = torch.zeros(3)
    optimizer = torch.optim.SGD([weight], lr=1.0)
    optimizer.register_step_pre_hook(GradientNoise(1.0))
    optimizer.step()
    assert weight.grad is None


@pytest.mark.parametrize("std", [-1.0, math.nan, math.inf])
def test_invalid_std_is_refused(std: float) -> None:
    with pytest.raises(ValueError, match="Invalid std"):
        GradientNoise(std)
