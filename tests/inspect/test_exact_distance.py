"""``exact``: the distance of a module from the formula of its snapped weights, and its consequences."""

import copy
from collections.abc import Sequence

import numpy as np
import pytest
import sympy
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from bits import assert_equal
from exact_cases import CASES, Doubler, a, b, inalu, near
from extrapolate import nn as units
from extrapolate.inspect import BoxError, Exact, InputBox, exact, exact_rule
from extrapolate.inspect.exact_units import Snapped

NAMES = ["a", "b"]


def error_of(result: Exact) -> BoxError:
    assert result.certificate.error is not None
    return result.certificate.error


def inside(box: InputBox, count: int, seed: int) -> Tensor:
    """Sample random points of a box, half of them near its poles."""
    rng = np.random.default_rng(seed)
    low, high = np.array(box.sides).T
    points = rng.uniform(low, high, (count, len(low)))
    points[count // 2 :] *= 10 ** rng.uniform(-3, 0, (count - count // 2, 1))
    away = np.array(box.away)
    points = np.where(np.abs(points) < away, np.copysign(away, points), points)
    return torch.from_numpy(np.clip(points, low, high))


def values(expressions: Sequence[sympy.Expr], points: Tensor) -> Tensor:
    function = sympy.lambdify([a, b], list(expressions), "numpy")
    columns = np.broadcast_arrays(*function(*points.numpy().T), np.empty(len(points)))
    return torch.from_numpy(np.stack(columns[:-1], -1).astype(float))


# an untrained NAC is nearly saturated: two weights within 1e-4 are no evidence of training
NOISES = {kind: (1e-6, 1e-5) if kind in ("NAC", "NACMul") else (1e-6, 1e-5, 1e-4) for kind in CASES}


@pytest.mark.parametrize(("kind", "noise"), [(kind, noise) for kind in CASES for noise in NOISES[kind]])
def test_formula_and_snapped_network_of_trained_modules_on_the_default_box(kind: str, noise: float) -> None:
    result = exact(CASES[kind].build(noise), names=NAMES)
    assert result.found, result
    assert result.expressions is not None
    differences = zip(result.expressions, CASES[kind].formula, strict=True)
    assert all(sympy.simplify(one - other) == 0 for one, other in differences)
    certificate, error = result.certificate, error_of(result)
    assert (certificate.snapped, certificate.snapped_agrees) == (result.expressions, True)
    assert certificate.checked_points >= 12
    assert certificate.checked_reach > 1e4
    assert certificate.distance is not None
    assert certificate.distance <= 10 * noise
    assert error.bound is not None
    assert error.sampled <= error.bound <= 1e-2 * error.size
    assert error.box.origin == "by default, 10 times [-1, 1]"
    # the snapped network computes the formula
    assert result.module is not None
    points = inside(error.box, 500, 0)
    expected = values(result.expressions, points)
    with torch.no_grad():
        torch.testing.assert_close(result.module(points.float()), expected.float(), rtol=2e-5, atol=2e-5)
    if noise == 1e-5:
        again = exact(result.module, names=NAMES)
        assert again.expressions == result.expressions
        assert error_of(again).sampled <= (error_of(again).bound or 0.0)


@given(
    kind=st.sampled_from(sorted(CASES)),
    noise=st.floats(-8, -2).map(lambda power: 10**power),
    ends=st.lists(st.floats(-50, 50), min_size=4, max_size=4),
    seed=st.integers(0, 10**6),
)
def test_no_input_of_the_box_is_further_than_the_bound(kind: str, noise: float, ends: list[float], seed: int) -> None:
    box = [(min(pair), max(pair) + 60) for pair in (ends[:2], ends[2:])]
    module = CASES[kind].build(noise)
    certificate = exact(module, names=NAMES, tolerance=0.2, box=box, max_chance=1.0, seed=seed).certificate
    if certificate.error is None:  # with this noise, weights may be nearer to another value
        return
    error = certificate.error
    assert certificate.snapped is not None
    bound = torch.inf if error.bound is None else error.bound
    points = inside(error.box, 2000, seed)
    with torch.no_grad():
        distance = module.double().eval()(points) - values(certificate.snapped, points)
    assert float(distance[:, error.output].abs().max()) <= bound
    assert error.sampled <= bound


def test_the_users_module_is_not_changed() -> None:
    module = CASES["Sequential"].build(1e-5)
    before = copy.deepcopy(module.state_dict())
    state = torch.random.get_rng_state()
    result = exact(module)
    assert result.module is not module
    assert module.training
    assert_equal(module.state_dict(), before)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_module_far_from_its_formula_is_not_exact() -> None:
    """Eight weights of 0.009 snap to 0, so the formula is 1. At inputs of 10^4 the module returns 4.7e15."""
    unit = units.NMU(8, 1)
    unit.weight.data.fill_(0.009)
    result = exact(unit)
    certificate = result.certificate
    assert (result.found, result.expressions) == (False, None)
    assert (certificate.snapped, certificate.snapped_agrees) == ((sympy.Integer(1),), True)
    # at inputs of 10: (0.009·10 + 0.991)^8 - 1
    assert error_of(result).bound == pytest.approx(1.081**8 - 1, rel=0.01)
    assert error_of(result).sampled == pytest.approx(1.081**8 - 1)
    assert "at most 0.86, 0.86 times the formula's size 1 (allowed: 0.01)" in str(certificate.reason)
    assert error_of(exact(unit, box=(-1e4, 1e4))).sampled == pytest.approx(4.7e15, rel=0.01)


def test_the_result_depends_on_the_box() -> None:
    unit = near(units.NMU(2, 1), 0.0, weight=[[1.0, 2e-4]])
    assert exact(unit, box=(-1, 1)).found
    assert exact(unit, trained_on=(-1, 1)).found
    assert not exact(unit, trained_on=(-100, 100)).found
    assert not exact(unit, box=[(-1, 1), (0, 1e3)]).found
    assert exact(unit, box=[(0, 1e3), (-1, 1)]).found
    assert exact(unit, box=(-1000, 1000), max_error=0.3).found


def test_the_box_is_ten_times_the_training_range_and_positive_inputs_start_at_one_percent() -> None:
    unit = near(units.NMU(2, 1), 0.0, weight=[[1.0, 1.0]])
    for trained_on, side in {(1, 2): (1, 20), (-2, 2): (-20, 20), (-2, -1): (-20, -1)}.items():
        error = error_of(exact(unit, trained_on=trained_on))
        assert error.box.sides == (side, side)
        assert error.box.origin == "10 times the training range"
    unit = CASES["MulMCFC"].build(1e-5)
    for box, side in {(-1000, 5): (0.05, 5), (0, 5): (0.05, 5), (1e-3, 5): (1e-3, 5)}.items():
        assert error_of(exact(unit, box=box)).box.sides == (side, side)


def test_inputs_near_a_pole_are_excluded_only_if_the_box_contains_it() -> None:
    unit = near(units.NRU(2, 1), 1e-5, weight=[[1.0, -1.0]])
    for box, sides, away in (
        ((-10, 10), ((-10, 10), (-10, 10)), (0.0, 0.1)),
        ((0, 10), ((0, 10), (0.1, 10)), (0.0, 0.0)),
        ((-0.05, 10), ((-0.05, 10), (0.1, 10)), (0.0, 0.0)),
        ((-10, 0.05), ((-10, 0.05), (-10, -0.1)), (0.0, 0.0)),
        ((1e-6, 10), ((1e-6, 10), (1e-6, 10)), (0.0, 0.0)),
    ):
        result = exact(unit, box=box, names=NAMES)
        assert (error_of(result).box.sides, error_of(result).box.away) == (sides, away)
        assert result.found
    assert "|b| ≥ 0.1" in str(exact(unit, names=NAMES))


def test_the_constants_of_a_unit_are_included() -> None:
    """RealNPU divides by |x| + 2^-23, which is far from |x| at 1e-6."""
    unit = near(units.RealNPU(2, 1), 0.0, weight=[[1.0, -1.0]], gate=[1.0, 1.0])
    assert exact(unit, box=(1e-3, 1)).found
    assert not exact(unit, box=(1e-6, 1)).found


def test_a_network_with_a_pole_inside_has_no_bound() -> None:
    network = nn.Sequential(
        near(units.NAU(2, 1), 1e-6, weight=[[1.0, -1.0]]), near(units.NRU(1, 1), 1e-6, weight=[[-1.0]])
    )
    result = exact(network, names=NAMES)
    assert not result.found
    assert result.certificate.snapped == (1 / (a - b),)
    assert error_of(result).bound is None
    assert "no bound" in str(result.certificate.reason)
    assert exact(network, box=[(5, 10), (1, 2)]).found


def test_the_bound_includes_errors_that_samples_miss() -> None:
    """The closed multiplication path of this INALU leaks 1e-4·|a|/|b|, up to 1e5 near b = 0."""
    unit = inalu(1e-4, 1.0, [[1.0, -1.0]], [[1.0, -1.0]])
    result = exact(unit, names=NAMES)
    assert not result.found
    assert (error_of(result).bound or 0.0) > 1e3 > error_of(result).sampled
    assert exact(unit, box=(1, 10), names=NAMES).expressions == (a - b,)


class Unbounded(Doubler):
    """A unit whose rule has no ``enclose``."""


def test_a_module_whose_rule_has_no_bounds_is_not_exact() -> None:
    @exact_rule(Unbounded)
    def rule(unit: nn.Module, tolerance: float) -> Snapped:
        return Snapped((), evaluate=lambda x: [2 * x[0]], expressions=lambda x: [2 * x[0]])

    result = exact(Unbounded())
    assert (result.found, result.module) == (False, None)
    assert result.certificate.snapped == (2 * result.symbols[0],)
    assert "the rule of Unbounded has no `enclose`" in str(result.certificate.reason)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"box": [(0, 1), (0, 1), (0, 1)]}, "each of the 2 inputs"),
        ({"box": 3.0}, "box must be"),
        *(({"box": box}, "low < high") for box in ((1, 1), (2, 1))),
        ({"trained_on": [(0, 1), (0, float("inf"))]}, "trained_on must have finite"),
        ({"box": (0, 1), "trained_on": (0, 1)}, "not both"),
        ({"names": ["a"]}, "2 inputs"),
        ({"names": ["a", "a"]}, "differ"),
        ({"box": [(1, 2), (-2, -1)], "names": NAMES}, "b must be positive"),  # where the module has no value
    ],
)
def test_invalid_arguments_are_refused(arguments: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        exact(CASES["MulMCFC"].build(1e-5), **arguments)
    with pytest.raises(TypeError, match=r"torch\.nn\.Module, got list"):
        exact([1, 2])  # pyright: ignore[reportArgumentType]
