"""The published intervals, against closed formulas and a brute-force profile of the likelihood."""

import math
from collections.abc import Callable, Sequence
from itertools import product

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
    success_rate,
)

Z = 1.959963984540054  # of the normal distribution at 97.5 %
LIMIT = 3.841458820694124  # of chi-square with one degree of freedom at 95 %
Mean = Callable[[Sequence[float]], Estimate]
BOTH = [mean_of_positive, mean_of_sparsity]


def wilson(successes: int, n: int) -> tuple[float, float]:
    p = successes / n
    middle = (p + Z**2 / (2 * n)) / (1 + Z**2 / n)
    reach = Z / (1 + Z**2 / n) * math.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2))
    return middle - reach, middle + reach


def ends(estimate: Estimate) -> tuple[float, float]:
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.low, estimate.high


@given(data=st.data(), n=st.integers(1, 500))
def test_success_rate_has_wilsons_interval(data: st.DataObject, n: int) -> None:
    successes = data.draw(st.integers(0, n))
    estimate = success_rate(successes, n)
    assert estimate.value == successes / n
    assert estimate.n == n
    assert ends(estimate) == pytest.approx(wilson(successes, n), abs=1e-9)


def test_interval_excludes_one_unless_all_succeed() -> None:
    assert success_rate(25, 25).high == 1
    assert success_rate(0, 25).low == 0
    assert ends(success_rate(24, 25))[1] < 1


def test_success_rate_covers_the_truth_as_often_as_it_says() -> None:
    n, inside = 25, []
    intervals = [ends(success_rate(k, n)) for k in range(n + 1)]
    for p in np.linspace(0.05, 0.95, 19):
        chances = stats.binom.pmf(range(n + 1), n, p)
        inside.append(sum(c for c, (low, high) in zip(chances, intervals, strict=True) if low <= p <= high))
    assert np.mean(inside) == pytest.approx(0.95, abs=0.01)
    assert min(inside) > 0.9


# ---------------------------------------------------------------------------------- profile likelihood


def brute_force(
    values: np.ndarray,
    log_density: Callable[[np.ndarray, float, np.ndarray], np.ndarray],
    means: np.ndarray,
    shapes: np.ndarray,
) -> tuple[float, float, float]:
    """The likeliest mean and its interval on a grid: no optimiser, the density taken from scipy."""
    profile = np.array(
        [log_density(values[:, None], mean, shapes[None, :]).sum(0).max() for mean in means.tolist()]
    )
    inside = means[2 * (profile.max() - profile) <= LIMIT]
    assert means[0] < inside[0], "the grid must reach beyond the interval"
    assert inside[-1] < means[-1], "the grid must reach beyond the interval"
    return float(means[profile.argmax()]), float(inside[0]), float(inside[-1])


@pytest.mark.parametrize(("shape", "n"), [(2.0, 25), (30.0, 25), (0.5, 40), (5.0, 4), (400.0, 10)])
def test_steps_have_the_profile_interval_of_a_gamma(shape: float, n: int) -> None:
    values = np.random.default_rng(n).gamma(shape, 20_000 / shape, n)
    estimate = mean_of_positive(values.tolist())
    middle = values.mean()
    reach = 8 / math.sqrt(shape * n)
    means = middle * np.exp(np.linspace(-reach, reach, 601))
    shapes = shape * np.exp(np.linspace(-4, 4, 301))
    found, low, high = brute_force(
        values, lambda x, mean, shape: stats.gamma.logpdf(x, a=shape, scale=mean / shape), means, shapes
    )
    spacing = means[1] / means[0] - 1
    assert estimate.n == n
    assert estimate.value == middle  # the likeliest mean of a Gamma
    assert estimate.value == pytest.approx(found, rel=spacing)
    assert ends(estimate) == pytest.approx((low, high), rel=2 * spacing)


#: The last two have errors as small as solved units.
BETAS = [
    (2.0, 5.0, 25), (0.8, 0.9, 30), (20.0, 60.0, 12), (50.0, 2.0, 10), (3.0, 3e3, 25), (2.0, 1e6, 25), (1.5, 1e9, 8)
]  # fmt: skip


@pytest.mark.parametrize(("a", "b", "n"), BETAS)
def test_sparsity_has_the_profile_interval_of_a_scaled_beta(a: float, b: float, n: int) -> None:
    scaled = np.random.default_rng(n).beta(a, b, n)
    estimate = mean_of_sparsity((0.5 * scaled).tolist())
    mean = a / (a + b)
    reach = 8 * math.sqrt((1 - mean) / mean / (a + b) / n)
    means = mean * np.exp(np.linspace(-reach, min(reach, -math.log(mean) - 1e-6), 601))
    precisions = (a + b) * np.exp(np.linspace(-4, 4, 301))
    found, low, high = brute_force(
        scaled, lambda x, mean, size: stats.beta.logpdf(x, mean * size, (1 - mean) * size), means, precisions
    )
    spacing = means[1] / means[0] - 1
    assert estimate.n == n
    assert estimate.value == pytest.approx(0.5 * found, rel=spacing)
    assert ends(estimate) == pytest.approx((0.5 * low, 0.5 * high), rel=2 * spacing)
    assert ends(estimate)[0] > 0
    assert ends(estimate)[1] < 0.5


def test_profile_interval_covers_the_truth_as_often_as_it_says() -> None:
    draw, trials = np.random.default_rng(0), 120
    found = [ends(mean_of_positive(draw.gamma(4.0, 5000.0, 25).tolist())) for _ in range(trials)]
    inside = sum(low <= 20_000 <= high for low, high in found)
    assert abs(inside / trials - 0.95) < 4 * math.sqrt(0.95 * 0.05 / trials)


# ---------------------------------------------------------------------------------- where nothing fits


@pytest.mark.parametrize(
    ("mean", "values"),
    [
        *product(BOTH, [[0.1, 0.2, 0.0, 0.4], [0.0, 0.3, 0.0], [0.1, 0.3]]),
        (mean_of_sparsity, [0.5, 0.5, 0.1, 0.2]),  # the worst sparsity of all
    ],
)
def test_students_interval_where_the_family_cannot_be_fitted(mean: Mean, values: list[float]) -> None:
    estimate = mean(values)
    n, middle = len(values), sum(values) / len(values)
    spread = math.sqrt(sum((value - middle) ** 2 for value in values) / (n - 1))
    reach = float(stats.t.ppf(0.975, n - 1)) * spread / math.sqrt(n)
    assert estimate.n == n
    assert estimate.value == pytest.approx(middle)
    assert ends(estimate) == pytest.approx((middle - reach, middle + reach))


@pytest.mark.parametrize("mean", BOTH)
@pytest.mark.parametrize("value", [0.0, 1e-9, 0.2, 0.5])
def test_constant_values_are_their_own_interval(mean: Mean, value: float) -> None:
    assert mean([value] * 5) == Estimate(value, value, value, 5)


@pytest.mark.parametrize("mean", BOTH)
@pytest.mark.parametrize("value", [0.0, 0.2, 0.5])
def test_single_value_has_no_interval(mean: Mean, value: float) -> None:
    assert mean([value]) == Estimate(value, None, None, 1)


def test_nothing_has_no_estimate() -> None:
    assert success_rate(0, 0) == mean_of_positive([]) == mean_of_sparsity([]) == NOTHING
    assert Estimate(None, None, None, 0) == NOTHING


@given(values=st.lists(st.integers(1, 50).map(lambda k: 1000.0 * k), min_size=1, max_size=25))
def test_interval_of_any_solved_steps_holds_their_mean(values: list[float]) -> None:
    estimate = mean_of_positive(values)
    assert estimate.value == np.mean(values)
    if len(values) > 1:
        low, high = ends(estimate)
        assert low <= np.mean(values) <= high < math.inf


@given(values=st.lists(st.floats(1e-12, 0.5), min_size=2, max_size=25))
def test_interval_of_any_sparsity_errors_holds_its_estimate(values: list[float]) -> None:
    estimate = mean_of_sparsity(values)
    assert estimate.value is not None
    low, high = ends(estimate)
    assert low <= estimate.value <= high
    assert math.isfinite(high)
    assert min(values) * (1 - 1e-9) <= estimate.value <= max(values) * (1 + 1e-9)


def test_difference_of_rates_agrees_with_newcombes_example() -> None:
    # Newcombe 1998, table II, method 10: 56/70 less 48/80
    found = difference_of_rates(success_rate(56, 70), success_rate(48, 80))
    assert (found.value, found.low, found.high) == (
        pytest.approx(0.2),
        pytest.approx(0.0524, abs=1e-4),
        pytest.approx(0.3339, abs=1e-4),
    )
