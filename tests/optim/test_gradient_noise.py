"""Noise on gradients: of the asked size, cut at two deviations, and a function of seed, step and place alone."""

import math

import pytest
import torch
from torch import Tensor

from extrapolate.optim import GradientNoise


def noised(noise: GradientNoise, *shapes: tuple[int, ...], step_count: int = 1) -> list[Tensor]:
    """The gradients of zero, after noise has been added at each of some steps."""
    params = [torch.zeros(shape) for shape in shapes]
    optimizer = torch.optim.SGD(params, lr=0.0)
    optimizer.register_step_pre_hook(noise)
    for _ in range(step_count):
        for each in params:
            each.grad = torch.zeros_like(each)
        optimizer.step()
    return [each.grad for each in params if each.grad is not None]


def test_noise_is_truncated_normal() -> None:
    (drawn,) = noised(GradientNoise(0.5), (100_000,))
    assert drawn.abs().max() <= 1.0
    # the variance of a standard normal cut at ±2: 1 − 4φ(2) / (Φ(2) − Φ(−2))
    density = math.exp(-2) / math.sqrt(2 * math.pi)
    assert drawn.std() == pytest.approx(0.5 * math.sqrt(1 - 4 * density / math.erf(math.sqrt(2))), rel=0.01)
    assert drawn.mean() == pytest.approx(0.0, abs=0.005)


def test_parameters_steps_and_seeds_have_noise_of_their_own() -> None:
    first, second = noised(GradientNoise(1.0), (50,), (50,))
    (later,) = noised(GradientNoise(1.0), (50,), step_count=2)
    (other,) = noised(GradientNoise(1.0, seed=1), (50,))
    (again,) = noised(GradientNoise(1.0), (50,))
    assert torch.equal(first, again)
    assert all(not torch.isclose(first, each).any() for each in (second, later, other))


def test_resumed_noise_goes_on_as_if_never_stopped() -> None:
    noise = GradientNoise(1.0, seed=3)
    noised(noise, (5,), step_count=4)
    resumed = GradientNoise(1.0)
    resumed.load_state_dict(noise.state_dict())
    assert torch.equal(noised(resumed, (5,))[0], noised(noise, (5,))[0])


def test_stacked_models_may_have_a_size_each() -> None:
    (drawn,) = noised(GradientNoise(torch.tensor([0.0, 2.0])), (2, 300))
    assert not drawn[0].any()
    assert drawn[1].std() > 1


def test_parameters_without_gradients_are_left_alone() -> None:
    weight = torch.zeros(3)
    optimizer = torch.optim.SGD([weight], lr=1.0)
    optimizer.register_step_pre_hook(GradientNoise(1.0))
    optimizer.step()
    assert weight.grad is None


@pytest.mark.parametrize("std", [-1.0, math.nan, math.inf])
def test_size_that_cannot_be_is_refused(std: float) -> None:
    with pytest.raises(ValueError, match="Invalid std"):
        GradientNoise(std)
