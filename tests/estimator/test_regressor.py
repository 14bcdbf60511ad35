"""Formulas from exact tables, from noisy tables, and no formula from tables without one."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sympy
from numpy.typing import NDArray
from sklearn.utils.estimator_checks import parametrize_with_checks

from extrapolate._runtime.progress import Interrupted
from extrapolate.estimator import ArithmeticRegressor
from extrapolate.estimator.formula.constants import recognise

Array = NDArray[np.float64]


def _table(formula: str, **ranges: tuple[float, float]) -> tuple[pd.DataFrame, Array]:
    """Return 500 rows of columns sampled uniformly from ``ranges``, with three distractors, and the target."""
    rng, rows = np.random.default_rng(0), 500
    distractors = {"noise": (-1, 1), "big": (1e5, 1e6), "small": (1e-3, 2e-3)}
    columns = {name: rng.uniform(low, high, rows) for name, (low, high) in (ranges | distractors).items()}
    frame = pd.DataFrame(columns, columns=[*distractors, *ranges])
    return frame, _truth(formula, frame)


def _truth(formula: str, frame: pd.DataFrame) -> Array:
    values = {name: frame[name].to_numpy() for name in frame.columns}
    return np.asarray(eval(formula, {"sqrt": np.sqrt, "pi": np.pi}, values), float)


EXACT = [
    ("U*J", {"U": (0.1, 10), "J": (-5, 5)}),
    ("3.2*a*b/r**2", {"a": (1, 10), "b": (-3, 3), "r": (1, 20)}),
    ("p*q + s", {"p": (1, 100), "q": (0, 20), "s": (0, 15)}),
    ("x - y - z", {"x": (1000, 5000), "y": (0, 900), "z": (0, 50)}),
    ("a*b - c*d", {"a": (-5, 5), "b": (-5, 5), "c": (-5, 5), "d": (-5, 5)}),
    ("(a + b)/c", {"a": (-10, 10), "b": (-10, 10), "c": (1, 10)}),
    ("1.6*C - 7", {"C": (-40, 100)}),
    ("pi*sqrt(l/g)", {"l": (0.1, 5), "g": (1, 20)}),
    ("a*b/(a + b)", {"a": (1, 100), "b": (1, 100)}),
    ("sqrt(a**2 + b**2)", {"a": (-5, 5), "b": (-5, 5)}),
]


@pytest.mark.parametrize(("formula", "ranges"), EXACT)
def test_exact_tables_give_the_exact_formula(formula: str, ranges: dict[str, tuple[float, float]]) -> None:
    frame, y = _table(formula, **ranges)
    model = ArithmeticRegressor().fit(frame, y)
    certificate, far, size = model.certificate_, frame * 100.0, np.abs(y).max()
    assert (model.found_, certificate.exact, certificate.agrees_in_fractions) == (True, True, True)
    assert model.expression_ is not None
    assert {str(symbol) for symbol in model.expression_.free_symbols} == set(ranges)
    np.testing.assert_allclose(model.predict(far), _truth(formula, far), rtol=1e-9, atol=1e-7 * size)
    parsed = sympy.parse_expr(str(model.expression_), local_dict=dict(model.symbols_))
    again = sympy.lambdify(list(model.symbols_.values()), parsed)(*frame.to_numpy().T)
    np.testing.assert_allclose(again, y, rtol=1e-9, atol=1e-9 * size)


@pytest.mark.parametrize(
    ("formula", "ranges", "terms"),
    [
        ("6.5*m*v**2", {"m": (1, 10), "v": (-3, 3)}, {"m*v**2": 6.5}),
        ("2.5*a*b + 7*c", {"a": (-5, 5), "b": (-5, 5), "c": (1, 5)}, {"a*b": 2.5, "c": 7.0}),
    ],
)
@pytest.mark.parametrize("growing", [False, True])
def test_noisy_tables_give_the_formula_and_correct_standard_errors(
    formula: str, ranges: dict[str, tuple[float, float]], terms: dict[str, float], growing: bool
) -> None:
    frame, y = _table(formula, **ranges)
    noise = 0.01 * np.random.default_rng(1).standard_normal(len(y))
    model = ArithmeticRegressor(replicas=16).fit(frame, y * (1 + noise) if growing else y + noise * y.std())
    certificate = model.certificate_
    assert (model.found_, certificate.exact, certificate.noise_grows) == (True, False, growing)
    found = {coefficient.term: coefficient for coefficient in model.coefficients_}
    assert found.keys() == terms.keys()
    for term, value in terms.items():
        assert found[term].value == pytest.approx(value, rel=0.01)
        assert abs(found[term].refit - value) < 4 * found[term].standard_error


WITHOUT_FORMULA: dict[str, Callable[[Array, Array], Array]] = {
    "constant": lambda x, noise: np.full(len(x), 3.5),
    "noise": lambda x, noise: noise,
    "heavy noise": lambda x, noise: np.exp(3 * noise),
    "wave": lambda x, noise: np.sin(9 * x[:, 0]) * np.cos(5 * x[:, 1]),
}


@pytest.mark.parametrize("target", WITHOUT_FORMULA)
def test_no_formula_is_found_in_tables_without_one(target: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (150, 4))
    y = WITHOUT_FORMULA[target](x, rng.standard_normal(150))
    model = ArithmeticRegressor(replicas=8).fit(x, y)
    assert (model.found_, model.expression_) == (False, None)
    assert model.certificate_.reason
    outside = model.predict(x * 2)
    assert np.isfinite(outside).all()
    assert np.abs(outside).max() < 3 * np.abs(y).max()
    if target == "constant":
        np.testing.assert_allclose(outside, 3.5)


def test_any_column_names_become_parsable_symbols() -> None:
    frame, y = _table("u*v + w", u=(1, 5), v=(-5, 5), w=(0, 3))
    frame = frame.rename(columns={"u": "unit price (€)", "v": "I", "w": "2nd fee"})
    model = ArithmeticRegressor().fit(frame, y)
    price, current, fee = sympy.symbols("unit_price I x_2nd_fee")
    names = {"unit price (€)": price, "I": current, "2nd fee": fee}
    assert names.items() <= dict(model.symbols_).items()
    assert model.expression_ == price * current + fee


def test_a_column_of_zeros_and_ones_keeps_its_simplest_power() -> None:
    rng = np.random.default_rng(0)
    x = np.c_[rng.integers(0, 2, 200), rng.uniform(1, 5, (200, 2))].astype(float)
    model = ArithmeticRegressor(replicas=16).fit(x, x[:, 0] * x[:, 1] + x[:, 2])
    assert str(model.expression_) == "x0*x1 + x2"


def test_a_sum_in_the_denominator_is_found_from_the_reciprocal() -> None:
    frame, y = _table("n*T/(V - n*b)", n=(1, 3), T=(200, 400), V=(10, 30), b=(0.03, 0.2))
    model = ArithmeticRegressor().fit(frame.drop(columns=["noise", "big", "small"]), y)
    n, temperature, volume, b = sympy.symbols("n T V b")
    assert sympy.simplify(model.expression_ - n * temperature / (volume - n * b)) == 0


def test_the_first_of_proportional_columns_is_used() -> None:
    frame, y = _table("a*b", a=(1, 5), b=(-5, 5))
    model = ArithmeticRegressor().fit(frame.assign(cents=100 * frame["a"], copy=frame["b"]), y)
    assert str(model.expression_) == "a*b"


def test_all_rows_of_a_long_table_are_checked() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(1, 5, (30_000, 3))
    y = x[:, 0] / x[:, 1] + x[:, 2]
    model = ArithmeticRegressor().fit(x, y)
    assert str(model.expression_) == "x0/x1 + x2"
    assert model.certificate_.outer_rows == model.outer_.sum() == 6000
    y[::1000] += 1e-3  # few rows, which a sample would probably miss
    assert not ArithmeticRegressor(replicas=8).fit(x, y).certificate_.exact


def test_same_table_and_seed_give_the_same_answer() -> None:
    frame, y = _table("a*b + 3*c", a=(-5, 5), b=(1, 4), c=(0, 2))
    frame, y = frame[:150], y[:150] + 0.02 * np.random.default_rng(0).standard_normal(150)
    first = ArithmeticRegressor(replicas=8, random_state=3).fit(frame, y)
    second = ArithmeticRegressor(**first.get_params()).fit(frame, y)
    assert str(first.expression_) == str(second.expression_)
    assert [each.cost for each in first.candidates_] == [each.cost for each in second.candidates_]


def test_candidates_are_a_pareto_front_with_the_chosen_formula_first() -> None:
    frame, y = _table("a*b + c", a=(-5, 5), b=(1, 4), c=(0, 2))
    model = ArithmeticRegressor(replicas=16).fit(frame, y)
    first, *others = model.candidates_
    assert first.cost == 0
    assert sympy.simplify(first.expression - model.expression_) == 0
    assert others
    assert all(each.complexity < first.complexity and each.inner_error > first.inner_error for each in others)


class _Recorder:
    """Records the stages and requests a stop at the second one."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def update(self, step: int, status: str = "") -> None:
        assert step == len(self.names)
        self.names.append(status)

    def stop_requested(self) -> bool:
        return len(self.names) >= 2


def test_a_search_ends_on_request_or_at_the_time_limit() -> None:
    x, y = np.split(np.random.default_rng(0).standard_normal((200, 7)), [6], axis=1)
    recorder = _Recorder()
    with pytest.raises(Interrupted):
        ArithmeticRegressor(replicas=4, progress=recorder).fit(x, y[:, 0])
    assert recorder.names[0].startswith("stage 1/17, linear")
    model = ArithmeticRegressor(time_limit=0.0).fit(x, y[:, 0])
    assert (model.certificate_.time_limit_struck, model.found_) == (True, False)


@pytest.mark.parametrize(
    ("value", "tolerance", "text"),
    [
        (3.0000000001, 1e-8, "3"),
        (2 * np.pi, 1e-12, "2*pi"),
        (1 / (2 * np.pi), 1e-12, "1/(2*pi)"),
        (np.sqrt(2), 1e-12, "sqrt(2)"),
        (1 / 3, 1e-12, "1/3"),
        (1 / 48, 1e-14, "1/48"),
        (1e-200, 1e-212, "None"),
        (8.314, 1e-10, "8.31400000000000"),
        (0.123456789012, 1e-12, "None"),
        (1.02, 0.05, "None"),
    ],
)
def test_neat_constants_are_recognised_only_if_not_by_chance(value: float, tolerance: float, text: str) -> None:
    assert str(recognise(value, tolerance)) == text


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks([ArithmeticRegressor(replicas=4)])
def test_scikit_learn_estimator_checks(estimator: ArithmeticRegressor, check: Any) -> None:
    check(estimator)
