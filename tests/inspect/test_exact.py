"""Exact formulas of trained modules: found if the weights are near exact values, else refused with a reason."""

import itertools
import math
import re
from collections.abc import Callable
from fractions import Fraction

import pytest
import sympy
import torch
from torch import nn

from exact_cases import CASES, Doubler, a, b, near
from extrapolate import nn as units
from extrapolate.inspect import NeverExactError, exact, exact_rule
from extrapolate.inspect.exact_rational import Domain, UndefinedError, compare, power
from extrapolate.inspect.exact_units import Snapped, snap, snap_to


class Squared(units.NMU):
    """A unit that computes another function than its base class."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) ** 2


class Renamed(units.NMU):
    """A unit that computes the same function as its base class."""

    def extra_repr(self) -> str:
        return "mine"


class Doubled(nn.Sequential):
    def forward(self, x: torch.Tensor) -> torch.Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return 2 * super().forward(x)


ONES = [[1.0, 1.0]]


@pytest.mark.parametrize("kind", sorted(CASES.keys() - {"Sequential"}))
def test_the_snapped_equation_equals_the_unit(kind: str) -> None:
    """Compare the equation in fractions with ``forward``: weight changes of 1e-4 have little effect near 1."""
    unit = CASES[kind].build(1e-4).double().eval()
    snapped = snap(unit, 1e-2)
    sizes, compared = (Fraction(9, 4), Fraction(4, 9), Fraction(-9, 4), Fraction(-4, 9)), 0
    for inputs in itertools.product(sizes, repeat=2):
        try:
            answers = snapped.evaluate(list(inputs))
        except UndefinedError:
            continue
        with torch.no_grad():
            found = unit(torch.tensor([float(value) for value in inputs], dtype=torch.float64))
        expected = torch.tensor([float(value) for value in answers], dtype=torch.float64)
        torch.testing.assert_close(found, expected, rtol=2e-3, atol=2e-3)
        compared += 1
    assert compared >= 4


def test_the_formula_of_a_trained_unit_is_found() -> None:
    torch.manual_seed(0)
    unit = units.NMU(2, 1)
    optimizer = torch.optim.Adam(unit.parameters(), lr=0.02)
    for _ in range(600):
        x = 1 + torch.rand(128, 2)
        optimizer.zero_grad()
        (unit(x)[:, 0] - x.prod(-1)).square().mean().backward()
        optimizer.step()
        units.clamp_to_box_(unit)
    assert exact(unit, names=["a", "b"]).expressions == (a * b,)


def test_weights_are_named_by_their_layer_and_far_weights_give_no_formula() -> None:
    weights = exact(CASES["Sequential"].build(1e-5)).certificate.distances
    assert [each.name for each in weights][-3:] == ["1.0.weight[0, 1]", "2.weight[0, 0]", "2.bias[0]"]
    result = exact(nn.Sequential(near(units.NAU(2, 1), 0.0, weight=[[1.0, 0.43]])))
    assert (result.expressions, result.found) == (None, False)
    assert re.search(r"1 of 2 weights.* 0\.weight\[0, 1\] = 0\.43", str(result.certificate.reason))
    assert result.certificate.distance == pytest.approx(0.43)


@pytest.mark.parametrize(
    ("module", "words"),
    [
        *((kind(2, 1), f"gate of {kind.__name__}") for kind in (units.NALU, units.GNALU, units.IndependentNALU)),
        (units.MLP(2, 1), "MLP"),
        (nn.Sequential(nn.Linear(2, 2), nn.ReLU()), "ReLU"),
        (nn.Sequential(), "empty"),
        (nn.Identity(), "no parameters"),
        *((near(nn.Linear(2, 1), 0.0, weight=[[w, 1.0]]), "not near") for w in (math.nan, math.inf)),
        (near(Squared(2, 1), 0.0, weight=ONES), "Squared"),
        (Doubled(near(units.NMU(2, 1), 0.0, weight=ONES)), "Doubled"),
    ],
)
def test_modules_without_exact_weights_or_with_another_function_are_refused(module: nn.Module, words: str) -> None:
    result = exact(module)
    assert (result.expressions, result.found) == (None, False)
    assert words in str(result.certificate.reason)
    assert exact(near(Renamed(2, 1), 0.0, weight=ONES)).found, "a subclass that computes the same function"


def test_undefined_inputs_are_listed() -> None:
    unit = near(units.NPU(2, 1), 0.0, weight=[[0.5, -1.0]], gate=[1.0, 1.0])
    undefined = exact(unit, names=["a", "b"]).certificate.undefined
    assert undefined == ("b = 0: division by zero", "a < 0: even root of a negative number")


def rule_for_doubler(factor: int) -> Callable[[nn.Module, float], Snapped]:
    """Return a complete rule. Its expression is wrong unless ``factor`` is 2."""

    def rule(unit: nn.Module, tolerance: float) -> Snapped:
        assert isinstance(unit, Doubler)
        weight = snap_to("weight", unit.weight, (Fraction(2),), tolerance)
        own = {"parameters": {"weight": weight.exact}, "enclose": lambda x: weight.twin[0] * x}
        return Snapped(tuple(weight.distances), lambda x: [2 * x[0]], lambda x: [factor * x[0]], **own)

    return rule


def test_a_correct_rule_makes_a_users_unit_exact() -> None:
    with pytest.raises(NeverExactError):
        snap(Doubler(), 1e-2)
    exact_rule(Doubler)(rule_for_doubler(2))
    result = exact(Doubler(), names=["a"])
    assert result.expressions == (2 * a,)
    assert result.module is not None
    # a rule whose expression differs from its equation gives no formula
    exact_rule(Doubler)(rule_for_doubler(3))
    result = exact(Doubler())
    assert (result.expressions, result.certificate.snapped_agrees) == (None, False)
    assert "differs from the snapped network" in str(result.certificate.reason)


def test_the_result_prints_the_three_checks() -> None:
    text = str(exact(CASES["NMU"].build(1e-5), names=["a", "b"], trained_on=(1, 2)))
    assert text.startswith("Exact:\n  y0 = a*b\n  y1 = b\n")
    for words in (
        "Formula of the snapped weights: as above; equal in rational arithmetic at 24 random points",
        "|module - formula| of y1 for inputs in [1, 20] (10 times the training range):",
        "largest sampled",
        "the probability that an untrained module is as near",
    ):
        assert words in text
    assert re.fullmatch("Not exact: [^\n]+", str(exact(nn.Linear(1, 1))))


def test_rational_powers() -> None:
    assert power(Fraction(9, 4), Fraction(-3, 2)) == Fraction(8, 27)
    assert power(Fraction(-8), Fraction(-1, 3)) == Fraction(-1, 2)
    for base, exponent, message in ((0, -1, "zero"), (-4, "1/2", "negative"), (2, "1/2", "irrational")):
        with pytest.raises(UndefinedError, match=message):
            power(Fraction(base), Fraction(exponent))


def test_comparison_finds_a_small_difference() -> None:
    almost = a * b + sympy.Rational(1, 10**12)
    agreement = compare([almost], [a, b], lambda x: [x[0] * x[1]], [Domain(), Domain()])
    assert not agreement.equal
    assert "the network returns" in str(agreement.counterexample)


def test_powers_with_large_denominators_are_compared_beyond_the_range_of_floats() -> None:
    exponent = sympy.Rational(463, 250)
    domain = Domain(positive=True, root=1000)
    agreement = compare([a**exponent], [a], lambda x: [power(x[0], Fraction(463, 250))], [domain])
    assert agreement.equal
    assert agreement.points == 4
    assert 1e100 < agreement.reach < float("inf")


def test_a_layer_used_twice_counts_twice() -> None:
    layer = near(units.NAU(2, 2), 0.0, weight=[[1.0, 1.0], [1.0, -1.0]])
    found = exact(nn.Sequential(layer, layer))
    assert found.expressions is not None
    x0, x1 = found.symbols
    assert [sympy.expand(each) for each in found.expressions] == [2 * x0, 2 * x1]
