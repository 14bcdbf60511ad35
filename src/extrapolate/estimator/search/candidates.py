"""Score formulas by description length: the nats that encode the formula, plus the table given the formula.

The coefficients are fitted on the inner rows. The outer rows are encoded with the same coefficients and their
uncertainty at those rows, so a formula that does not extrapolate costs more.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from extrapolate.estimator.formula.structure import Array, Monomial, Structure
from extrapolate.estimator.search.coefficients import Fit, fit
from extrapolate.estimator.table.split import SplitTable

#: Errors below this share of the size of y are rounding: below it, only simplicity counts.
ROUNDING = 1e-12

#: A formula is exact if its inner and outer errors are below this share of the size of y.
EXACT = 1e-9

#: Proportional noise is not tried if the error exceeds that of the best formula by more than this factor.
FAR = 3.0

#: Margin in nats: with the other noise model, fewer terms may still encode the table in fewer nats.
SLACK = 10.0

#: Smallest proportional noise, as a share of the size of y: that where the formula is zero.
SMALLEST_SHARE = 0.02


@dataclass(frozen=True)
class ScoredStructure:
    """A structure with its fit and its score.

    Attributes:
        fit: the coefficients from the inner rows.
        proportional: whether the noise grows with the value.
        sigma: standard deviation of the noise; for proportional noise, that of the noise divided by its profile.
        inner_error, outer_error: root mean square errors, divided by the root mean square of y.
        data_nats: nats that encode the table, given the formula.
        score: nats of the formula and the table; lower is better.
    """

    fit: Fit
    proportional: bool
    sigma: float
    inner_error: float
    outer_error: float
    data_nats: float
    score: float

    @property
    def structure(self) -> Structure:
        return self.fit.structure

    @property
    def exact(self) -> bool:
        return max(self.inner_error, self.outer_error) < EXACT


def noise_profile(value: Array, size: float) -> Array:
    """Return the standard deviation of proportional noise on each row, scaled to mean square 1."""
    profile = np.sqrt(np.square(value) + (SMALLEST_SHARE * size) ** 2)
    return profile / np.sqrt(np.mean(np.square(profile)))


def judge(structure: Structure, table: SplitTable, rival: float = np.inf) -> ScoredStructure | None:
    """Score a structure with constant or proportional noise, whichever is better; None if undefined on a row.

    Proportional noise is tried only if the inner error is at most ``FAR`` times ``rival``.
    """
    constant = _judge(structure, table, np.ones(len(table.y)), proportional=False)
    if constant is None or constant.inner_error < 1e-7 or constant.inner_error > FAR * rival:
        return constant
    value = constant.fit.predict(table.x)
    proportional = _judge(structure, table, noise_profile(value, table.size), proportional=True)
    if proportional is None or constant.score <= proportional.score:
        return constant
    return proportional


def _judge(
    structure: Structure, table: SplitTable, noise_std: Array, *, proportional: bool
) -> ScoredStructure | None:
    inner = ~table.outer
    fitted = fit(structure, table.x[inner], table.y[inner], noise_std[inner])
    if fitted is None:
        return None
    error = table.y - fitted.predict(table.x)
    slopes = fitted.jacobian(table.x) / noise_std[:, None]
    if not (np.isfinite(error).all() and np.isfinite(slopes).all()):
        return None
    freedom = int(inner.sum()) - structure.free_coefficients
    sigma = math.sqrt(float(np.sum(np.square(error / noise_std)[inner])) / freedom)
    leverage = np.einsum("np,pq,nq->n", slopes, fitted.covariance, slopes)
    spread = np.square(noise_std) * sigma**2 * (1 + np.where(table.outer, leverage, 0.0))
    spread = np.maximum(spread, (ROUNDING * table.size) ** 2)
    data_nats = 0.5 * float(np.sum(np.log(spread / table.size**2) + np.square(error) / spread))
    formula_nats = structure.cost + 0.5 * math.log(len(error)) * structure.free_coefficients
    return ScoredStructure(
        fit=fitted,
        proportional=proportional,
        sigma=sigma,
        inner_error=_share(error[inner], table.size),
        outer_error=_share(error[table.outer], table.size),
        data_nats=data_nats,
        score=data_nats + formula_nats,
    )


def _share(error: Array, size: float) -> float:
    return float(np.sqrt(np.mean(np.square(error)))) / size if len(error) else 0.0


def _rank(candidate: ScoredStructure) -> tuple[float, int]:
    return candidate.score, candidate.structure.complexity


@dataclass
class Pool:
    """All structures scored so far, without duplicates, and the best of them."""

    table: SplitTable
    judged: dict[Structure, ScoredStructure | None] = field(default_factory=dict)
    best: ScoredStructure | None = None

    def add(self, structure: Structure) -> ScoredStructure | None:
        if not structure.numerator or structure.free_coefficients > len(self.table.y) // 4:
            return None
        if structure not in self.judged:
            rival = np.inf if self.best is None else self.best.inner_error
            found = self.judged[structure] = judge(structure, self.table, rival)
            if found is not None and (self.best is None or _rank(found) < _rank(self.best)):
                self.best = found
        return self.judged[structure]

    def rank(self) -> list[ScoredStructure]:
        """Return the scored structures, best first."""
        found = [candidate for candidate in self.judged.values() if candidate is not None]
        return sorted(found, key=_rank)

    def prune(self, candidate: ScoredStructure) -> ScoredStructure:
        """Drop the least certain terms as long as the score falls; up to two steps may raise it.

        Fewer terms cannot encode the table in fewer nats. So pruning stops once the table alone needs more
        nats than the score of the best formula, plus ``SLACK``.
        """
        best, current, uphill = candidate, candidate, 0
        while uphill < 3 and self.best is not None and current.data_nats <= self.best.score + SLACK:
            dropped = self._without_weakest(current)
            if dropped is None:
                break
            current = dropped
            uphill = 0 if current.score < best.score else uphill + 1
            best = min(best, current, key=lambda each: each.score)
        return best

    def _without_weakest(self, candidate: ScoredStructure) -> ScoredStructure | None:
        structure, fitted = candidate.structure, candidate.fit
        deviation = np.sqrt(np.maximum(np.diag(fitted.covariance), 1e-300)) * max(candidate.sigma, 1e-300)
        certainty = np.abs(np.concatenate([fitted.above, fitted.below[1:]])) / deviation
        terms: list[tuple[bool, Monomial]] = [(True, each) for each in structure.numerator]
        terms += [(False, each) for each in structure.denominator[1:]]
        # First try to drop half of the hopeless terms at once, since a dense polynomial has hundreds.
        order = np.argsort(certainty)
        hopeless = [int(index) for index in order if certainty[index] < 0.5]
        for count in (max(1, len(hopeless) // 2), 1):
            drop = {terms[int(index)] for index in order[:count]}
            left = Structure.of(
                [each for each in structure.numerator if (True, each) not in drop],
                [each for each in structure.denominator if (False, each) not in drop],
                structure.root,
                structure.sign,
            )
            if found := self.add(left):
                return found
        return None
