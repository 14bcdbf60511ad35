"""The scikit-learn estimator that finds the formula in a table."""

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

#: Most formulas in ``candidates_``.
SHOWN = 12


@dataclass(frozen=True)
class Candidate:
    """A formula of the Pareto front of error and complexity.

    Attributes:
        expression: the formula over the column symbols.
        complexity: the count of numbers, columns and exponents in it.
        inner_error, outer_error: root mean square errors, divided by the root mean square of the target.
        cost: description length of the table minus that of the chosen formula, in nats.
    """

    expression: sympy.Expr
    complexity: int
    inner_error: float
    outer_error: float
    cost: float


class ArithmeticRegressor(RegressorMixin, BaseEstimator):
    """Find the arithmetic formula in a table, or report that it has none.

    Many replicas of small networks, whose weights are exponents and signs, are trained at once. Their weights are
    rounded to formulas, which are refitted in float64. The formula with the shortest description is chosen: of
    itself, of the inner rows, and of the outer rows, on which no coefficient is fitted. The printed formula is
    compared with the fitted one in exact fractions. If no formula is found, the best linear model or the mean predicts.

    Args:
        replicas: number of networks of each architecture, trained at once.
        time_limit: seconds after which the search stops and uses the formulas found so far. The search normally
            ends earlier; then equal tables and ``random_state`` give the same formula.
        random_state: seed of the networks' initial weights, an integer.
        progress: receives the stages of the search, and can stop it.

    Attributes:
        found_: whether a formula was found.
        expression_: the formula in sympy over the symbols of ``symbols_``; None if none was found.
        symbols_: column name to symbol, which has the same name if that is an identifier.
        formula_: the formula that predicts.
        coefficients_: the coefficients of ``formula_``, with standard errors.
        candidates_: the Pareto front of error and complexity, shortest description first.
        certificate_: the evidence, and the reason if no formula was found.
        outer_: mask (N,) of the outer rows.
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
        """Search the formula of y (N,) over the columns of X (N, I), N ≥ 2.

        Raises:
            Interrupted: ``progress`` stopped the search.
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
            self._conclude(pool if table is whole else _judge_again(pool, whole), whole, clock)
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
            for each in pareto_front(ranked)[:SHOWN]
        ]

    def predict(self, X: Any) -> Array:  # noqa: N803
        """Return the formula's values (N,) on X (N, I); NaN where it is undefined."""
        check_is_fitted(self)
        x = validate_data(self, X, reset=False, dtype=np.float64)
        return self.formula_.predict(np.asarray(x))


def pareto_front(ranked: list[ScoredStructure]) -> list[ScoredStructure]:
    """Return the best candidate, and each with a lower error than all simpler ones; lowest score first.

    If the best candidate is exact, no more complex one is included.
    """
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


def _judge_again(pool: Pool, whole: SplitTable) -> Pool:
    """Return a pool over all rows of the best candidates of ``pool``, its front and its sums of columns."""
    again = Pool(whole)
    ranked = pool.rank()
    for each in (*ranked[:SHOWN], *pareto_front(ranked), *_plain(ranked)):
        again.add(each.structure)
    return again


def _fallback(pool: Pool, table: SplitTable, symbols: tuple[sympy.Symbol, ...]) -> Formula:
    """Return the best sum of columns, or the mean."""
    return write(_plain(pool.rank())[0], table, symbols)


def _plain(ranked: list[ScoredStructure]) -> list[ScoredStructure]:
    """Return the sums of columns among the candidates. The mean is always one of them."""
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
