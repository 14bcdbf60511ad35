"""A scikit-learn estimator that finds the formula in a table."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from extrapolate._runtime.progress import NullProgress, Progress
from extrapolate.estimator.formula.formula import Formula, symbols_for
from extrapolate.estimator.formula.structure import Array, Structure
from extrapolate.estimator.search.algebra import polynomial
from extrapolate.estimator.search.candidates import Pool, ScoredStructure
from extrapolate.estimator.search.certificate import certify
from extrapolate.estimator.search.finalize import write
from extrapolate.estimator.search.progress import Clock
from extrapolate.estimator.search.search import Search
from extrapolate.estimator.search.threads import one_thread
from extrapolate.estimator.table.split import SplitTable

#: Most candidates in ``candidates_``, the chosen formula included.
MAX_CANDIDATES = 12


@dataclass(frozen=True)
class Candidate:
    """One formula of the Pareto front of error and complexity.

    Attributes:
        expression: over the column symbols.
        complexity: number of coefficients, columns and exponents.
        inner_error, outer_error: root mean square errors, divided by the root mean square of the target: on the
            inner rows, used for fitting, and on the outer rows, the 20 % of the rows farthest from the center.
        cost: minimum description length in nats (bits · ln 2) of the formula, and of the target given the formula,
            minus that of the chosen candidate. Lower is better.
    """

    expression: sympy.Expr
    complexity: int
    inner_error: float
    outer_error: float
    cost: float


class ArithmeticRegressor(RegressorMixin, BaseEstimator):
    """Finds the arithmetic formula in a table, or reports that none was found.

    It trains many replicas of small networks at once; their weights are exponents and signs. It rounds the trained
    weights and refits the coefficients in float64. The formulas are fitted on the inner rows. They are ranked by
    description length on these and on the outer rows, the 20 % of the rows farthest from the center. ``expression_``
    and the fitted formula are evaluated at random points in exact fractions, and must be equal. If no formula is
    found, the best linear model, or the mean, predicts.

    Args:
        replicas: number of networks of each architecture, trained at once.
        time_limit: seconds after which the search stops and uses the best formula so far. The stages are fixed
            and normally end earlier, so the same table and ``random_state`` give the same formula.
        random_state: an integer, the seed of all random numbers.
        progress: receives the stages of the search, and may request a stop.

    Attributes:
        found_: whether a formula was found.
        expression_: the formula in sympy over the symbols of ``symbols_``; None if none was found.
        symbols_: the symbol of each column, by column name; equal to the name if that is an identifier.
        formula_: the formula that ``predict`` uses.
        coefficients_: its coefficients, with standard errors.
        candidates_: the Pareto front of error and complexity, shortest description first.
        certificate_: the evidence, and the reason if no formula was found.
        outer_: (N,), True for the outer rows, to which the candidates were not fitted.
    """

    def __init__(
        self,
        *,
        replicas: int = 64,
        time_limit: float = 60.0,
        random_state: int = 0,
        progress: Progress | None = None,
    ) -> None:
        self.replicas = replicas
        self.time_limit = time_limit
        self.random_state = random_state
        self.progress = progress

    def fit(self, X: Any, y: Any) -> "ArithmeticRegressor":  # noqa: N803
        """Find a formula for y (N,) from X (N, I), N ≥ 2.

        Raises:
            Interrupted: ``progress`` requested a stop.
        """
        checked = validate_data(self, X, y, y_numeric=True, ensure_min_samples=2, dtype=np.float64)
        x, target = (np.asarray(each, np.float64) for each in checked)
        names = getattr(self, "feature_names_in_", [f"x{index}" for index in range(x.shape[1])])
        self.symbols_ = dict(zip(map(str, names), symbols_for([str(name) for name in names]), strict=True))
        whole = SplitTable.of(x, target)
        table = whole.thin(np.random.default_rng(self.random_state))
        clock = Clock(self.time_limit, self.progress or NullProgress())
        pool = Pool(table)
        pool.add(Structure.of([polynomial(table, 0)[0]]))
        symbols = tuple(self.symbols_.values())
        with one_thread():
            Search(table, pool, clock, self.replicas, self.random_state, symbols).run()
            self.outer_ = whole.outer
            self._conclude(pool if table is whole else _score_on_all_rows(pool, whole), whole, clock)
        return self

    def _conclude(self, pool: Pool, table: SplitTable, clock: Clock) -> None:
        symbols = tuple(self.symbols_.values())
        ranked = pool.rank()
        best = ranked[0]
        formula = write(best, table, symbols)
        self.certificate_ = certify(
            best, formula, table, symbols, seed=self.random_state, time_limit_struck=clock.struck
        )
        self.found_ = self.certificate_.found
        self.expression_ = formula.expression(symbols) if self.found_ else None
        self.formula_ = formula if self.found_ else _fallback(pool, table, symbols)
        self.coefficients_ = self.formula_.coefficients
        self.candidates_ = [
            Candidate(
                expression=(formula if each is best else write(each, table, symbols)).expression(symbols),
                complexity=each.structure.complexity,
                inner_error=each.inner_error,
                outer_error=each.outer_error,
                cost=each.score - best.score,
            )
            for each in pareto_front(ranked)[:MAX_CANDIDATES]
        ]

    def predict(self, X: Any) -> Array:  # noqa: N803
        """Return the formula's values (N,) for X (N, I); NaN where it is undefined."""
        check_is_fitted(self)
        x = validate_data(self, X, reset=False, dtype=np.float64)
        return self.formula_.predict(np.asarray(x))


def pareto_front(ranked: list[ScoredStructure]) -> list[ScoredStructure]:
    """Return the best candidate and those with less error than all simpler ones; best score first."""
    best = ranked[0]
    front: list[ScoredStructure] = []
    lowest = np.inf
    for each in sorted(ranked, key=lambda each: (each.structure.complexity, each.score)):
        error = float(np.hypot(each.inner_error, each.outer_error))
        if error < lowest or each is best:
            front.append(each)
            lowest = min(lowest, error)
        if each is best and best.exact:
            break
    return sorted(front, key=lambda each: each.score)


def _score_on_all_rows(pool: Pool, whole: SplitTable) -> Pool:
    """Score the best of ``pool``, its Pareto front and its linear models on all rows."""
    rescored = Pool(whole)
    ranked = pool.rank()
    for each in (*ranked[:MAX_CANDIDATES], *pareto_front(ranked), *_linear_models(ranked)):
        rescored.add(each.structure)
    return rescored


def _fallback(pool: Pool, table: SplitTable, symbols: tuple[sympy.Symbol, ...]) -> Formula:
    """Return the best linear model, or the mean."""
    return write(_linear_models(pool.rank())[0], table, symbols)


def _linear_models(ranked: list[ScoredStructure]) -> list[ScoredStructure]:
    """Return the linear models among the candidates; the mean is always one."""
    return [
        each
        for each in ranked
        if not each.structure.denominator
        and each.structure.root == 1
        and all(
            sum(abs(e) for e in monomial) in (0, 1) and all(e in (0, 1) for e in monomial)
            for monomial in each.structure.numerator
        )
    ]
