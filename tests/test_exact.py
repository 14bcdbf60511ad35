"""Exact formulas of trained modules: found where the weights are near, refused with a reason where not."""

import itertools
import random
from collections.abc import Callable
from fractions import Fraction

import pytest
import sympy
import torch
from torch import Tensor, nn

from extrapolate import nn as units
from extrapolate.inspect import NeverExactError, Snapped, exact, exact_rule
from extrapolate.inspect.exact_rational import Domain, UndefinedError, compare, power
from extrapolate.inspect.exact_units import snap

a, b = sympy.symbols("a b")


def _saturated(weight: list[list[float]]) -> units.NAC:
    """A NAC whose effective weights are within 1e-6 of the given trits."""
    unit = units.NAC(len(weight[0]), len(weight))
    _saturate(unit, weight)
    return unit


@torch.no_grad()
def _saturate(unit: nn.Module, weight: list[list[float]]) -> nn.Module:
    unit.get_parameter("w_hat").copy_(16 * torch.tensor(weight))
    unit.get_parameter("m_hat").fill_(16.0)
    return unit


@torch.no_grad()
def _with(unit: nn.Module, **parameters: list) -> nn.Module:
    for name, value in parameters.items():
        unit.get_parameter(name.replace("__", ".")).copy_(torch.tensor(value))
    return unit


def _inalu(gate: float) -> nn.Module:
    unit = units.INALU(2, 1)
    _saturate(unit.additive, [[1.0, -1.0]])
    _saturate(unit.multiplicative, [[1.0, -1.0]])
    return _with(unit, gate=[gate])


def _mass(kind: type[nn.Module], prefix: str = "mcfc__", **more: list) -> nn.Module:
    parameters = {
        f"{prefix}junction": [[20.0, 20.0], [-20.0, -20.0]],
        f"{prefix}gate_weight": [[20.0], [-20.0]],
    }
    return _with(kind(2, 2), **parameters, **more)


CASES: list[tuple[Callable[[], nn.Module], list[sympy.Expr]]] = [
    (lambda: _saturated([[1.0, -1.0]]), [a - b]),
    (lambda: _with(units.NAU(2, 1), weight=[[1.0, -0.995]]), [a - b]),
    (lambda: _mass(units.MCFC, ""), [a + b, sympy.Integer(0)]),
    (lambda: _with(units.NMU(2, 2), weight=[[1.0, 0.995], [0.004, 1.0]]), [a * b, b]),
    (lambda: _with(units.StochasticNMU(2, 1), weight=[[1.0, 1.0]]), [a * b]),
    (lambda: _with(units.MNAC(2, 1), w_hat=[[16.0, -16.0]]), [a]),
    (lambda: _saturate(units.NACMul(2, 1), [[1.0, -1.0]]), [sympy.Abs(a) / sympy.Abs(b)]),
    (lambda: _with(units.NRU(2, 1), weight=[[1.0, -1.0]]), [a / b]),
    (lambda: _with(units.NRUSeparateSign(2, 1), weight=[[1.0, -1.0]]), [a / b]),
    (lambda: _with(units.RealNPU(2, 1), weight=[[1.0, -1.0]], gate=[1.0, 1.2]), [a / b]),
    (lambda: _with(units.RealNPU(2, 1), weight=[[1.0, 0.3]], gate=[1.0, 0.0]), [a]),
    (lambda: _with(units.NPU(2, 1), weight=[[0.5, 2.0]], gate=[1.0, 1.0]), [sympy.sqrt(a) * b**2]),
    (lambda: _with(units.NMRU(2, 1), weight=[[1.0, 0.0, 0.0, 1.0]]), [a / b]),
    (lambda: _with(units.GatedNMRU(2, 1), weight=[[1.0, 0.0, 0.0, 1.0]], gate=[1.0, 0.2, 0.2, 1.0]), [a / b]),
    (lambda: _inalu(9.0), [a - b]),
    (lambda: _inalu(-9.0), [a / b]),
    (lambda: _mass(units.MulMCFC), [a * b, sympy.Integer(1)]),
    (lambda: _mass(units.MulMCFCSignINALU), [a * b, sympy.Integer(1)]),
    (lambda: _mass(units.MulMCFCSignRealNPU, gate=[1.0, 1.0]), [a * b, sympy.Integer(1)]),
    (
        lambda: _with(nn.Linear(2, 1), weight=[[1.8, -0.5]], bias=[32.0]),
        [sympy.Rational(9, 5) * a - b / 2 + 32],
    ),
]


@pytest.mark.parametrize(("build", "expected"), CASES)
def test_near_weights_give_the_verified_formula(
    build: Callable[[], nn.Module], expected: list[sympy.Expr]
) -> None:
    result = exact(build(), names=["a", "b"])
    assert result.expressions is not None, result.certificate.reason
    assert [sympy.simplify(one - other) for one, other in zip(result.expressions, expected, strict=True)] == [
        0
    ] * len(expected)
    certificate = result.certificate
    assert certificate.verified
    assert certificate.points >= 12
    assert certificate.reach > 1e4
    assert certificate.distance is not None
    assert certificate.distance <= 1e-2


@pytest.mark.parametrize("build", [case[0] for case in CASES])
def test_the_snapped_equation_is_the_units_own(build: Callable[[], nn.Module]) -> None:
    """The equation in fractions against the module's forward: weights within 0.005 change little near 1."""
    unit = build().double().eval()
    snapped = snap(unit, 1e-2)
    signs = [(1, 1), (1, -1), (-1, 1), (-1, -1)]
    compared = 0
    for left, right in itertools.product((Fraction(9, 4), Fraction(4, 9)), repeat=2):
        for one, two in signs:
            inputs = [one * left, two * right]
            try:
                answers = snapped.evaluate(inputs)
            except UndefinedError:
                continue
            with torch.no_grad():
                given = unit(torch.tensor([float(value) for value in inputs], dtype=torch.float64))
            torch.testing.assert_close(
                given,
                torch.tensor([float(value) for value in answers], dtype=torch.float64),
                rtol=2e-2,
                atol=2e-2,
            )
            compared += 1
    assert compared >= 4


def test_a_stack_is_read_through_all_its_layers() -> None:
    stack = nn.Sequential(
        _with(units.NAU(3, 2), weight=[[1.0, 1.0, 0.0], [0.0, 1.0, -1.0]]),
        _with(units.NMU(2, 1), weight=[[1.0, 1.0]]),
        nn.Sequential(nn.Identity(), _with(nn.Linear(1, 1), weight=[[0.5]], bias=[0.0])),
    )
    x, y, z = sympy.symbols("x y z")
    result = exact(stack, names=["x", "y", "z"])
    assert result.expressions is not None
    assert sympy.expand(result.expressions[0] - (x + y) * (y - z) / 2) == 0
    assert [weight.name for weight in result.certificate.weights][-2:] == ["2.1.weight[0, 0]", "2.1.bias[0]"]


def test_a_trained_unit_gives_its_formula() -> None:
    torch.manual_seed(0)
    unit = units.NMU(2, 1)
    optimizer = torch.optim.Adam(unit.parameters(), lr=0.02)
    for _ in range(600):
        x = 1 + torch.rand(128, 2)
        loss = (unit(x)[:, 0] - x.prod(-1)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        units.clamp_to_box_(unit)
    assert exact(unit, names=["a", "b"]).expressions == (a * b,)


def test_far_weights_are_named_and_nothing_is_invented() -> None:
    result = exact(nn.Sequential(_with(units.NAU(2, 1), weight=[[1.0, 0.43]])))
    assert result.expressions is None
    assert not result.found
    reason = result.certificate.reason
    assert reason is not None
    assert "1 of 2 weights" in reason
    assert "0.weight[0, 1] = 0.43" in reason
    assert result.certificate.distance == pytest.approx(0.43)


@pytest.mark.parametrize("seed", range(5))
def test_fresh_linear_layers_are_not_exact(seed: int) -> None:
    torch.manual_seed(seed)
    assert not exact(nn.Linear(3, 3)).found


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (units.NALU(2, 1), "gate of NALU"),
        (units.GNALU(2, 1), "gate of GNALU"),
        (units.IndependentNALU(2, 1), "gate of IndependentNALU"),
        (units.MLP(2, 1), "MLP"),
        (nn.Sequential(nn.Linear(2, 2), nn.ReLU()), "ReLU"),
        (nn.Sequential(), "empty"),
    ],
)
def test_modules_without_exact_weights_say_why(module: nn.Module, words: str) -> None:
    result = exact(module)
    assert result.expressions is None
    assert words in str(result.certificate.reason)


def test_undefined_places_are_listed() -> None:
    result = exact(_with(units.NPU(2, 1), weight=[[0.5, -1.0]], gate=[1.0, 1.0]), names=["a", "b"])
    assert result.certificate.undefined == (
        "b = 0: division by zero",
        "a < 0: even root of a negative number",
    )


def test_wrong_number_of_names() -> None:
    with pytest.raises(ValueError, match="2 inputs"):
        exact(_saturated([[1.0, 1.0]]), names=["a"])


class _Doubler(nn.Module):
    in_features = 1

    def forward(self, x: Tensor) -> Tensor:
        return 2 * x


def test_a_wrong_rule_is_caught_by_the_comparison() -> None:
    """A registered rule whose expression is not its equation leads to a refusal, not to a formula."""

    def rule(unit: nn.Module, tolerance: float) -> Snapped:
        return Snapped((), evaluate=lambda x: [2 * x[0]], expressions=lambda x: [3 * x[0]])

    with pytest.raises(NeverExactError):
        snap(_Doubler(), 1e-2)
    exact_rule(_Doubler)(rule)
    result = exact(_Doubler())
    assert result.expressions is None
    assert "not verified" in str(result.certificate.reason)


def test_rational_powers() -> None:
    assert power(Fraction(9, 4), Fraction(-3, 2)) == Fraction(8, 27)
    assert power(Fraction(-8), Fraction(-1, 3)) == Fraction(-1, 2)
    with pytest.raises(UndefinedError, match="zero"):
        power(Fraction(0), Fraction(-1))
    with pytest.raises(UndefinedError, match="negative"):
        power(Fraction(-4), Fraction(1, 2))
    with pytest.raises(UndefinedError, match="irrational"):
        power(Fraction(2), Fraction(1, 2))


def test_comparison_finds_a_difference_far_out() -> None:
    almost = a * b + sympy.Rational(1, 10**12)
    agreement = compare([almost], [a, b], lambda x: [x[0] * x[1]], [Domain(), Domain()])
    assert not agreement.equal
    assert "the network gives" in str(agreement.disagreement)


def test_powers_with_large_denominators_are_compared_beyond_the_range_of_floats() -> None:
    exponent = sympy.Rational(463, 250)
    domain = Domain(positive=True, root=1000)
    agreement = compare([a**exponent], [a], lambda x: [power(x[0], Fraction(463, 250))], [domain])
    assert agreement.equal
    assert agreement.points == 4
    assert 1e100 < agreement.reach < float("inf")


def test_domain_draws_powers() -> None:
    rng = random.Random(0)
    for whole in (True, False):
        value = Domain(positive=True, root=2).draw(rng, whole=whole)
        assert power(value, Fraction(1, 2)) ** 2 == value


# --------------------------------------------------------------------------- what must not be taken for known


def test_a_layer_used_twice_counts_twice() -> None:
    layer = units.NAU(2, 2)
    layer.weight.data = torch.tensor([[1.0, 1.0], [1.0, -1.0]])
    found = exact(nn.Sequential(layer, layer))
    assert found.expressions is not None
    x0, x1 = found.symbols
    assert [sympy.expand(each) for each in found.expressions] == [2 * x0, 2 * x1]


class Squared(units.NMU):
    """A unit that computes something else than its class does."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) ** 2


class Renamed(units.NMU):
    """A unit that computes what its class does."""

    def extra_repr(self) -> str:
        return "mine"


class Doubled(nn.Sequential):
    def forward(self, x: torch.Tensor) -> torch.Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return 2 * super().forward(x)


def multiplying(unit: units.NMU) -> units.NMU:
    unit.weight.data.fill_(1.0)
    return unit


def test_subclasses_with_a_function_of_their_own_are_not_known() -> None:
    for module in (multiplying(Squared(2, 1)), Doubled(multiplying(units.NMU(2, 1)))):
        found = exact(module)
        assert not found.found
        assert type(module).__name__ in str(found.certificate.reason)
    assert exact(multiplying(Renamed(2, 1))).found


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_diverged_layer_has_no_formula(value: float) -> None:
    layer = nn.Linear(2, 1)
    layer.weight.data[0, 0] = value
    found = exact(layer)
    assert not found.found
    assert "not near" in str(found.certificate.reason)
