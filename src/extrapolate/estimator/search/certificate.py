"""The evidence for a formula: what is proved, and what is only likely."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import sympy
from sklearn.ensemble import ExtraTreesRegressor

from extrapolate.estimator.formula.formula import Formula, rational
from extrapolate.estimator.search.candidates import ScoredStructure, noise_profile
from extrapolate.estimator.table.split import SplitTable
from extrapolate.inspect.exact_rational import Agreement, compare

#: Largest share of the variance that a noisy formula may leave unexplained, on inner and on outer rows.
UNEXPLAINED = 0.05

#: Largest share that it may leave unexplained (``BULK``) on the rows without the ``EXTREME`` share of values.
#: A pole near one extreme row can explain that row by coincidence, and with it most of the variance.
BULK, EXTREME = 0.5, 0.02

#: Largest share of the errors' variance that trees on all columns may explain (out of bag).
STRUCTURE = 0.1

#: Largest ratio of the outer to the inner errors, both standardized by the noise model.
OUTER_RATIO = 2.0

#: Fewest rows from which trees can distinguish structure from noise.
ENOUGH_ROWS = 60

#: Most rows per tree.
TREE_ROWS = 5000


NOT_COMPARED = Agreement(points=0, reach=0.0, counterexample="not compared")


@dataclass(frozen=True)
class Certificate:
    """Evidence for one formula.

    Attributes:
        exact: whether the formula fits all inner and outer rows to within rounding.
        inner_error, outer_error: root mean square errors, divided by the root mean square of the target. The
            formula is fitted on the inner rows only; the outer rows are the 20 % farthest from the center.
        outer_rows: number of outer rows.
        noise_std: standard deviation of the inner errors; relative to the value if ``noise_grows``.
        noise_grows: whether the noise is proportional to the value.
        residual_structure: the share of the errors' variance that trees on all columns explain, out of bag;
            None for an exact formula, or with too few rows.
        agrees_in_fractions: whether the expression equals the formula's equation in rational arithmetic;
            False without a comparison. Only a formula that passes all other tests is compared.
        checked_points, checked_reach: number of points of that comparison, and the largest magnitude of their
            inputs.
        undefined: one phrase for each condition under which the expression has no value.
        time_limit_struck: whether the time limit ended the search; another run may find another formula.
        reason: why no formula was found; None if one was.
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
    """Collect the evidence; ``reason`` names the first test that failed."""
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
    """Compare the printed expression with the formula's equation in exact fractions; with a root, compare squares."""
    expression = rational(formula.expression(symbols)) ** formula.structure.root
    return compare([expression], symbols, lambda x: [formula.radicand(x)], formula.domains(), seed)


def why_not(candidate: ScoredStructure, table: SplitTable, residual: float | None) -> str | None:
    """Return why the candidate is not accepted as a formula; None if it is."""
    if not candidate.structure.columns():
        return "no formula explains the target better than its mean"
    if candidate.exact:
        return None
    left = measure_unexplained(candidate, table)
    if left > UNEXPLAINED:
        return f"the best formula leaves {left:.0%} of the variance unexplained"
    bulk = _measure_bulk(candidate, table)
    if bulk > BULK:
        return f"the best formula fits only a few extreme values: it leaves {bulk:.0%} of the other rows' variance"
    outer = _outer_ratio(candidate, table)
    if outer > OUTER_RATIO:
        return f"the best formula's errors are {outer:.1f} times larger on the outer rows, which it was not fitted on"
    if residual is not None and residual > STRUCTURE:
        return f"the best formula's errors are not noise: the columns explain {residual:.0%} of their variance"
    return None


def measure_unexplained(candidate: ScoredStructure, table: SplitTable) -> float:
    """Return the unexplained share of the target's variance, on inner or outer rows, whichever is larger."""
    spread = float(np.std(table.y)) / table.size
    return (max(candidate.inner_error, candidate.outer_error) / spread) ** 2 if spread else 0.0


def _measure_bulk(candidate: ScoredStructure, table: SplitTable) -> float:
    """Return the unexplained share of the variance on the rows without the ``EXTREME`` share of values."""
    distance = np.abs(table.y - np.median(table.y))
    bulk = distance <= np.quantile(distance, 1 - EXTREME)
    error = table.y - candidate.fit.predict(table.x)
    spread = float(np.var(table.y[bulk]))
    return float(np.mean(np.square(error[bulk]))) / spread if spread else 0.0


def _outer_ratio(candidate: ScoredStructure, table: SplitTable) -> float:
    """Return the ratio of outer to inner errors, both divided by the noise expected on their rows."""
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
    """Return the share of the errors' variance that trees explain out of bag; None with too few rows."""
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
