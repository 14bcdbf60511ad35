"""``exact`` refuses a module if its weights are no nearer to exact values than those of an untrained module."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from exact_cases import near, saturated
from extrapolate import nn as units
from extrapolate.inspect import exact
from unit_cases import UNITS

NEVER_EXACT = ("NALU", "GNALU", "IndependentNALU", "MLP")
KINDS: dict[str, Callable[[], nn.Module]] = {
    **{
        f"{name}({inputs}, 1)": partial(unit, inputs, 1)
        for name, unit in UNITS.items()
        for inputs in (1, 2)
        if name not in NEVER_EXACT
    },
    "Linear(1, 1)": lambda: nn.Linear(1, 1),
    "Linear(1, 1) without bias": lambda: nn.Linear(1, 1, bias=False),
    "Linear(2, 1)": lambda: nn.Linear(2, 1),
    "Linear(1, 3)": lambda: nn.Linear(1, 3),
    "Linear(8, 8)": lambda: nn.Linear(8, 8),
    "Sequential": lambda: nn.Sequential(units.NAU(2, 1), units.NMU(1, 1)),
    "Sequential of linear layers": lambda: nn.Sequential(*[nn.Linear(1, 1, bias=False) for _ in range(2)]),
    "one layer twice": lambda: nn.Sequential(*[nn.Linear(1, 1, bias=False)] * 2),
}


@pytest.mark.parametrize("kind", KINDS)
def test_200_untrained_modules_are_refused(kind: str) -> None:
    torch.manual_seed(0)
    modules = [KINDS[kind]() for _ in range(200)]
    assert [str(result) for result in map(exact, modules) if result.found] == []


@pytest.mark.parametrize(
    ("weight", "noise"), [([0.5, 0.25], 1e-5), ([0.3, -1.75], 1e-6), ([2.0, 0.0], 1e-4), ([1 / 3, 0.0], 1e-5)]
)
def test_trained_linear_layers_are_found(weight: list[float], noise: float) -> None:
    result = exact(near(nn.Linear(2, 1), noise, weight=[weight], bias=[1.0]))
    assert result.found, result


def test_a_fraction_that_is_likely_by_chance_is_refused() -> None:
    layer = nn.Linear(1, 1, bias=False)
    layer.weight.data.fill_(0.5 + 1e-4)
    result = exact(layer)
    certificate: Any = result.certificate
    assert (result.found, certificate.error.near) == (False, True)
    # 0.04 of the allowed distance 0.01/2²; the fractions with q ≤ 100 cover 0.07 of all numbers
    assert certificate.untrained.chance == pytest.approx(0.04 * 0.07, rel=0.6)
    assert "untrained" in str(certificate.reason)
    assert exact(layer, max_chance=0.01).found
    layer.weight.data.fill_(0.5)
    assert exact(layer).found


def test_a_nac_with_saturated_initial_weights_needs_nearer_weights() -> None:
    """An untrained NAC(2, 1) has logits up to 9.5: weights within 1e-4 are common."""
    refused = exact(saturated(units.NAC(2, 1), 1e-4, [[1.0, -1.0]]))
    assert not refused.found
    assert "untrained" in str(refused.certificate.reason)
    assert exact(saturated(units.NAC(2, 1), 1e-6, [[1.0, -1.0]])).found
    assert exact(saturated(units.NAC(8, 1), 1e-4, [[1.0, -1.0] * 4])).found


def test_weights_that_are_exact_before_training_are_no_evidence() -> None:
    """The initial imaginary weights of the NPU are 0. Only its other weights count."""
    both = (near(unit(1, 1), 1e-5, weight=[[2.0]], gate=[1.0]) for unit in (units.RealNPU, units.NPU))
    certificates: list[Any] = [exact(unit).certificate for unit in both]
    real, complex_ = (each.untrained.chance for each in certificates)
    assert complex_ == pytest.approx(real, rel=0.8)


class Initialised(units.NAU):
    """A NAU with exact initial weights."""

    def reset_parameters(self) -> None:
        nn.init.ones_(self.weight)


def test_a_module_with_exact_initial_weights_is_refused() -> None:
    result: Any = exact(near(Initialised(2, 1), 0.0, weight=[[1.0, 1.0]]))
    assert (result.found, result.certificate.untrained.chance) == (False, 1.0)
