"""AdaMax with relative clipping: its formulas on a scalar, clipping, learning rates, its state."""

import math

import pytest
import torch
from torch import Tensor

from extrapolate.optim import AdaMax


def expected_path(weight: float, gradients: list[float], lr: float) -> list[float]:
    """Return the weights of the published update of a scalar."""
    mean, largest, path = 0.0, 0.0, []
    for step, gradient in enumerate(gradients):
        bound = 1.2 * largest + 1e-4
        gradient = max(-bound, min(bound, gradient))
        mean = 0.9 * mean + 0.1 * gradient
        largest = max((1 - max(0.0005, 0.01 * 2 ** (-step / 2000))) * largest, abs(gradient))
        weight -= lr * mean / (largest + 1e-8)
        path.append(weight)
    return path


def moved(optimizer: AdaMax, gradients: list[float]) -> list[float]:
    (weight,) = optimizer.param_groups[0]["params"]
    path = []
    for gradient in gradients:
        weight.grad = torch.full_like(weight, gradient)
        optimizer.step()
        path.append(weight.flatten()[0].item())
    return path


def adamax(start: float = 1.0, **settings: float) -> tuple[AdaMax, Tensor]:
    """Return an optimizer of one scalar, and the scalar."""
    weight = torch.tensor([start], dtype=torch.float64)
    return AdaMax([weight], **settings), weight


GRADIENTS = [5.0, -3.0, 0.0, 1e-5, -20.0, 0.3, 0.3, 0.3]


def test_a_scalar_is_updated_by_the_published_formulas() -> None:
    path = expected_path(1.0, GRADIENTS, 0.02)
    assert moved(adamax(lr=0.02)[0], GRADIENTS) == pytest.approx(path, rel=1e-12)


def test_decay_of_the_largest_gradient_falls_to_its_minimum() -> None:
    optimizer, weight = adamax(lr=0.0)
    moved(optimizer, [1e-5])
    decays, state = [], optimizer.state[weight]
    for step in (1, 2000, 8644, 20_000):
        state["step"] = step
        state["largest"].fill_(1.0)
        moved(optimizer, [0.0])
        decays.append(1 - state["largest"].item())
    assert decays == pytest.approx([0.01 * 2 ** (-1 / 2000), 0.005, 0.0005, 0.0005], rel=1e-3)


def test_a_sudden_gradient_is_clipped_to_a_fifth_more_than_any_before() -> None:
    optimizer, weight = adamax(0.0)
    moved(optimizer, [1e-4, 1e9])
    assert optimizer.state[weight]["largest"].item() == pytest.approx(2.2e-4, rel=1e-6)
    moved(optimizer, [math.inf, math.nan])
    assert weight.isfinite().all()


def test_learning_rates_may_differ_between_replicas() -> None:
    weights = torch.zeros(2, 3, dtype=torch.float64)
    moved(AdaMax([weights], lr=torch.tensor([0.01, 0.04])), [1.0, 1.0])
    torch.testing.assert_close(weights[1], 4 * weights[0])


def test_a_loaded_state_gives_the_uninterrupted_result() -> None:
    first, halved = adamax()
    expected = moved(adamax()[0], GRADIENTS)
    moved(first, GRADIENTS[:4])
    second = AdaMax([halved])
    second.load_state_dict(first.state_dict())
    assert moved(second, GRADIENTS[4:]) == expected[4:]


@pytest.mark.parametrize(
    "settings", [{"lr": -1.0}, {"beta": 1.0}, {"floor": 0.0}, {"forgotten": 1e-4}, {"half_life": 0.0}]
)
def test_settings_out_of_range_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"AdaMax|Invalid"):
        AdaMax([torch.zeros(1)], **settings)


def test_step_returns_the_value_of_the_closure() -> None:
    weight = torch.zeros(1, requires_grad=True)

    def closure() -> float:
        weight.grad = torch.ones(1)
        return 3.0

    assert AdaMax([weight]).step(closure) == 3.0
    assert AdaMax([torch.zeros(0)]).step() is None
