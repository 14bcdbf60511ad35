"""What is proved, and what is only likely, about a formula read off a table."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import sympy
from sklearn.ensemble import ExtraTreesRegressor

from extrapolate.estimator.formula.formula import Formula, rational
from extrapolate.estimator.search.candidates import ScoredStructure, noise_profile
from extrapolate.estimator.table.split import SplitTable
from extrapolate.inspect.exact_rational import Agreement, compare

#: A noisy formula leaves at most this share of the variance unexplained, inside and outside.
UNEXPLAINED = 0.05

#: Of the rows without the most extreme values it leaves at most this share unexplained: a pole beside one
#: extreme row can explain that row, and with it most of the variance, by coincidence.
BULK, EXTREME = 0.5, 0.02

#: And of its errors, trees that see all columns explain at most this share (out of bag).
STRUCTURE = 0.1

#: Its outer errors are at most this many times as large as the noise inside makes likely.
OUTER_RATIO = 2.0

#: Rows below which trees cannot tell structure from noise.
ENOUGH_ROWS = 60

#: Rows that a tree sees at most.
TREE_ROWS = 5000


NOT_COMPARED = Agreement(points=0, reach=0.0, counterexample="not compared")


@dataclass(frozen=True)
class Certificate:
    """Evidence for one formula.

    Attributes:
        exact: every row, inside and outside, is met to rounding.
        inner_error, outer_error: root mean square errors of the formula fitted on the inner rows, as a share
            of the target's size; the outer rows, the fifth furthest out, took no part in that fit.
        outer_rows: how many rows that fifth has.
        noise: standard deviation of the errors inside; relative to the value if ``noise_grows``.
        noise_grows: whether the noise is proportional to the value.
        residual_structure: the share of the errors' variance that trees over all columns explain, out of
            bag; None where it was not needed or there are too few rows.
        agrees_in_fractions: the expression equals the formula's own equation in rational arithmetic; compared
            only for a formula that is claimed.
        checked_points, checked_reach: on how many points, and the largest magnitude of their inputs.
        undefined: in words, where the expression has no value.
        time_limit_struck: the search was cut short; another run may find another formula.
        reason: why no formula is claimed; None if one is.
    """

    exact: bool
    inner_error: float
    outer_error: float
    outer_rows: int
    noise_std: float
    noise_grows: bool
    residual_structure: float | None
    agrees_in_fractions: bool
    checked_points: int
    checked_reach: float
    undefined: tuple[str, ...]
    time_limit_struck: bool
    reason: str | None

    @property
    def found(self) -> bool:
        return self.reason is None


def certify(
    candidate: ScoredStructure,
    formula: Formula,
    table: SplitTable,
    symbols: Sequence[sympy.Symbol],
    *,
    seed: int,
    time_limit_struck: bool,
) -> Certificate:
    """Gathers the evidence; ``reason`` names the first piece that is missing."""
    residual = None if candidate.exact else residual_structure(candidate, table, seed)
    reason = why_not(candidate, table, residual)
    agreement = agreement_in_fractions(formula, symbols, seed) if reason is None else NOT_COMPARED
    if reason is None and not agreement.equal:
        reason = f"the expression does not agree with the formula in rational arithmetic: {agreement.counterexample}"
    return Certificate(
        exact=candidate.exact,
        inner_error=candidate.inner_error,
        outer_error=candidate.outer_error,
        outer_rows=int(table.outer.sum()),
        noise_std=candidate.sigma / table.size if candidate.proportional else candidate.sigma,
        noise_grows=candidate.proportional,
        residual_structure=residual,
        agrees_in_fractions=agreement.equal,
        checked_points=agreement.points,
        checked_reach=agreement.reach,
        undefined=formula.list_undefined(symbols),
        time_limit_struck=time_limit_struck,
        reason=reason,
    )


def agreement_in_fractions(formula: Formula, symbols: Sequence[sympy.Symbol], seed: int) -> Agreement:
    """Compare the printed expression with the formula's equation in fractions; under a root, its square."""
    expression = rational(formula.expression(symbols)) ** formula.structure.root
    return compare([expression], symbols, lambda x: [formula.radicand(x)], formula.domains(), seed)


def why_not(candidate: ScoredStructure, table: SplitTable, residual: float | None) -> str | None:
    """Why the candidate is no finding; None if it is one."""
    if not candidate.structure.columns():
        return "no formula explains the target better than its mean"
    if candidate.exact:
        return None
    left = measure_unexplained(candidate, table)
    if left > UNEXPLAINED:
        return f"the best formula leaves {left:.0%} of the variance unexplained"
    bulk = _measure_bulk(candidate, table)
    if bulk > BULK:
        return f"the best formula explains few large values: it leaves {bulk:.0%} of the others' variance"
    outer = _outer_ratio(candidate, table)
    if outer > OUTER_RATIO:
        return f"the best formula's errors are {outer:.1f} times larger outside the rows it was fitted on"
    if residual is not None and residual > STRUCTURE:
        return f"the best formula's errors are not noise: the columns explain {residual:.0%} of them"
    return None


def measure_unexplained(candidate: ScoredStructure, table: SplitTable) -> float:
    """The share of the target's variance that is left, inside or outside, whichever is larger."""
    spread = float(np.std(table.y)) / table.size
    return (max(candidate.inner_error, candidate.outer_error) / spread) ** 2 if spread else 0.0


def _measure_bulk(candidate: ScoredStructure, table: SplitTable) -> float:
    """The share of the variance that is left among the rows without the ``EXTREME`` share furthest out."""
    distance = np.abs(table.y - np.median(table.y))
    bulk = distance <= np.quantile(distance, 1 - EXTREME)
    error = table.y - candidate.fit.predict(table.x)
    spread = float(np.var(table.y[bulk]))
    return float(np.mean(np.square(error[bulk]))) / spread if spread else 0.0


def _outer_ratio(candidate: ScoredStructure, table: SplitTable) -> float:
    """Outer over inner errors, each as a share of the noise expected there."""
    error = _standardize(candidate, table)
    inner, outer = error[~table.outer], error[table.outer]
    if not len(outer):
        return 1.0
    return float(np.sqrt(np.mean(np.square(outer)) / max(float(np.mean(np.square(inner))), 1e-300)))


def _standardize(candidate: ScoredStructure, table: SplitTable) -> np.ndarray:
    value = candidate.fit.predict(table.x)
    profile = noise_profile(value, table.size) if candidate.proportional else np.ones(len(value))
    return (table.y - value) / profile


def residual_structure(candidate: ScoredStructure, table: SplitTable, seed: int) -> float | None:
    """The share of the errors' variance that trees explain on rows they have not seen."""
    if len(table.y) < ENOUGH_ROWS:
        return None
    error = _standardize(candidate, table)
    trees = ExtraTreesRegressor(
        n_estimators=100,
        min_samples_leaf=5,
        bootstrap=True,
        max_samples=min(len(error), TREE_ROWS),
        oob_score=True,
        random_state=seed,
    )
    return float(trees.fit(table.x, error / (np.std(error) or 1.0)).oob_score_)
