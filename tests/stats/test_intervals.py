"""The published intervals, against closed formulas and a brute-force profile of the likelihood."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from extrapolate.stats import (
    NOTHING,
    Estimate,
    difference_of_rates,
    mean_of_positive,
    mean_of_sparsity,
    student,
    success_rate,
)

Z = 1.959963984540054  # of the normal distribution at 97.5 %
LIMIT = 3.841458820694124  # of chi-square with one degree of freedom at 95 %
Mean = Callable[[Sequence[float]], Estimate]


def ends(estimate: Estimate) -> tuple[float, float]:
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.low, estimate.high


@given(data=st.data(), n=st.integers(1, 500))
def test_success_rate_has_wilsons_interval(data: st.DataObject, n: int) -> None:
    successes = data.draw(st.integers(0, n))
    estimate, p = success_rate(successes, n), successes / n
    middle = (p + Z**2 / (2 * n)) / (1 + Z**2 / n)
    reach = Z / (1 + Z**2 / n) * math.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2))
    assert (estimate.value, estimate.n) == (p, n)
    assert ends(estimate) == pytest.approx((middle - reach, middle + reach), abs=1e-9)


def test_success_rate_interval_has_its_coverage_and_includes_zero_or_one_only_if_none_or_all_succeed() -> None:
    low, high = np.transpose([ends(success_rate(k, 25)) for k in range(26)])
    assert (low == 0).tolist() == [True] + [False] * 25
    assert (high == 1).tolist() == [False] * 25 + [True]
    inside = [stats.binom.pmf(range(26), 25, p)[(low <= p) & (p <= high)].sum() for p in np.linspace(0.05, 0.95, 19)]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.01)
    assert min(inside) > 0.9


def assert_agrees(
    estimate: Estimate,
    values: np.ndarray,
    log_density: Callable[[np.ndarray, float, np.ndarray], np.ndarray],
    mean: float,
    reach: float,
    shape: float,
    highest: float = math.inf,
    scale: float = 1.0,
) -> None:
    """Compare with the most likely mean and its interval on a grid: scipy's density, no optimiser."""
    means = mean * np.exp(np.linspace(-reach, min(reach, math.log(highest / mean)), 601))
    shapes = shape * np.exp(np.linspace(-4, 4, 301))
    profile = np.array([log_density(values[:, None], each, shapes).sum(0).max() for each in means.tolist()])
    inside = means[2 * (profile.max() - profile) <= LIMIT]
    assert means[0] < inside[0] < inside[-1] < means[-1], "the grid must reach beyond the interval"
    spacing = means[1] / means[0] - 1
    assert estimate.value == pytest.approx(scale * means[profile.argmax()], rel=spacing)
    assert ends(estimate) == pytest.approx((scale * inside[0], scale * inside[-1]), rel=2 * spacing)


def gamma_density(values: np.ndarray, mean: float, shape: np.ndarray) -> np.ndarray:
    return stats.gamma.logpdf(values, a=shape, scale=mean / shape)


def beta_density(values: np.ndarray, mean: float, precision: np.ndarray) -> np.ndarray:
    return stats.beta.logpdf(values, mean * precision, (1 - mean) * precision)


@pytest.mark.parametrize(("shape", "n"), [(2.0, 25), (30.0, 25), (0.5, 40), (5.0, 4), (400.0, 10)])
def test_steps_have_the_profile_interval_of_a_gamma(shape: float, n: int) -> None:
    values = np.random.default_rng(n).gamma(shape, 20_000 / shape, n)
    estimate = mean_of_positive(values.tolist())
    assert (estimate.n, estimate.value) == (n, values.mean())  # the most likely mean of a Gamma
    assert_agrees(estimate, values, gamma_density, values.mean(), 8 / math.sqrt(shape * n), shape)


BETAS = [(2.0, 5.0, 25), (0.8, 0.9, 30), (20.0, 60.0, 12), (50.0, 2.0, 10)]
SMALL = [(3.0, 3e3, 25), (2.0, 1e6, 25), (1.5, 1e9, 8)]  # of the size of the errors of solved units


@pytest.mark.parametrize(("a", "b", "n"), BETAS + SMALL)
def test_sparsity_has_the_profile_interval_of_a_scaled_beta(a: float, b: float, n: int) -> None:
    scaled = np.random.default_rng(n).beta(a, b, n)
    estimate = mean_of_sparsity((0.5 * scaled).tolist())
    reach = 8 * math.sqrt(b / a / (a + b) / n)
    assert_agrees(estimate, scaled, beta_density, a / (a + b), reach, a + b, highest=1 - 1e-6, scale=0.5)
    assert estimate.n == n
    assert 0 < ends(estimate)[0] < ends(estimate)[1] < 0.5


def test_profile_interval_has_its_coverage() -> None:
    draws = np.random.default_rng(0).gamma(4.0, 5000.0, (120, 25))
    low, high = np.transpose([ends(mean_of_positive(values)) for values in draws.tolist()])
    inside = (low <= 20_000) & (high >= 20_000)
    assert abs(inside.mean() - 0.95) < 4 * math.sqrt(0.95 * 0.05 / 120)


both_means = pytest.mark.parametrize("mean", [mean_of_positive, mean_of_sparsity])


@both_means
@pytest.mark.parametrize("values", [[0.1, 0.2, 0.0, 0.4], [0.0, 0.3, 0.0], [0.1, 0.3]])
def test_students_interval_where_the_family_cannot_be_fitted(mean: Mean, values: list[float]) -> None:
    estimate = mean(values)
    n, middle = len(values), float(np.mean(values))
    interval = stats.t.interval(0.95, n - 1, middle, stats.sem(values))
    assert (estimate.n, estimate.value) == (n, pytest.approx(middle))
    assert ends(estimate) == pytest.approx(interval)


@both_means
@pytest.mark.parametrize("value", [0.0, 1e-9, 0.2, 0.5])
def test_intervals_of_constant_values_of_a_single_value_and_of_no_values(mean: Mean, value: float) -> None:
    assert mean([value] * 5) == Estimate(value, value, value, 5)
    assert mean([value]) == Estimate(value, None, None, 1)
    assert success_rate(0, 0) == mean([]) == NOTHING == Estimate(None, None, None, 0)


def test_sparsity_at_the_upper_bound_falls_back_to_student() -> None:
    values = [0.5, 0.5, 0.1, 0.2]
    expected, estimate = student(np.array(values)), mean_of_sparsity(values)
    assert (estimate.value, *ends(estimate)) == pytest.approx((expected.value, *ends(expected)))


@given(values=st.lists(st.integers(1, 50).map(lambda k: 1000.0 * k), min_size=1, max_size=25))
def test_interval_of_any_solved_steps_contains_their_mean(values: list[float]) -> None:
    estimate = mean_of_positive(values)
    assert estimate.value == np.mean(values)
    if len(values) > 1:
        low, high = ends(estimate)
        assert low <= np.mean(values) <= high < math.inf


@given(values=st.lists(st.floats(1e-12, 0.5), min_size=2, max_size=25))
def test_interval_of_any_sparsity_errors_contains_its_estimate(values: list[float]) -> None:
    estimate: Any = mean_of_sparsity(values)
    assert estimate.low <= estimate.value <= estimate.high < math.inf
    assert min(values) * (1 - 1e-9) <= estimate.value <= max(values) * (1 + 1e-9)


def test_difference_of_rates_agrees_with_newcombes_example() -> None:
    # Newcombe 1998, table II, method 10: 56/70 - 48/80
    found = difference_of_rates(success_rate(56, 70), success_rate(48, 80))
    assert found.value == pytest.approx(0.2)
    assert ends(found) == pytest.approx((0.0524, 0.3339), abs=1e-4)
