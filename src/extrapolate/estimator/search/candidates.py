"""One measure for every formula: the nats needed to write it down and, given it, the table.

The inner rows are coded with the coefficients fitted on them. The outer rows are coded with the same
coefficients and the uncertainty these have out there: a formula that does not reach them pays for it.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from extrapolate.estimator.formula.structure import Array, Monomial, Structure
from extrapolate.estimator.search.coefficients import Fit, fit
from extrapolate.estimator.table.split import SplitTable

#: Errors below this share of y's size are rounding: formulas that reach it differ by simplicity alone.
ROUNDING = 1e-12

#: A formula is exact on a table if its errors, inside and outside, stay below this share of y's size.
EXACT = 1e-9

#: Errors this many times above the best formula's are not looked at more closely.
FAR = 3.0

#: Nats by which a formula with fewer terms may, by its other noise model, still tell the table better.
SLACK = 10.0

#: Proportional noise is never smaller than this share of its usual size, even where the formula is zero.
SMALLEST_SHARE = 0.02


@dataclass(frozen=True)
class ScoredStructure:
    """A structure fitted and judged.

    Attributes:
        fit: the coefficients from the inner rows.
        proportional: whether the noise grows with the value.
        sigma: the noise, relative to the value if it is proportional.
        inner_error, outer_error: root mean square errors as a share of y's size.
        told: nats that the table takes, given the formula.
        score: nats of both; lower is better.
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
    """How proportional noise is spread over rows, with mean square 1."""
    profile = np.sqrt(np.square(value) + (SMALLEST_SHARE * size) ** 2)
    return profile / np.sqrt(np.mean(np.square(profile)))


def judge(structure: Structure, table: SplitTable, rival: float = np.inf) -> ScoredStructure | None:
    """The better of constant and proportional noise; None where the formula is undefined on a row.

    Proportional noise is only tried where the error is not far above that of a ``rival``.
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
    told = 0.5 * float(np.sum(np.log(spread / table.size**2) + np.square(error) / spread))
    written = structure.cost + 0.5 * math.log(len(error)) * structure.free_coefficients
    return ScoredStructure(
        fit=fitted,
        proportional=proportional,
        sigma=sigma,
        inner_error=_share(error[inner], table.size),
        outer_error=_share(error[table.outer], table.size),
        data_nats=told,
        score=told + written,
    )


def _share(error: Array, size: float) -> float:
    return float(np.sqrt(np.mean(np.square(error)))) / size if len(error) else 0.0


def _rank(candidate: ScoredStructure) -> tuple[float, int]:
    return candidate.score, candidate.structure.complexity


@dataclass
class Pool:
    """Every structure judged so far, each once, and the best of them."""

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
        """Best first."""
        found = [candidate for candidate in self.judged.values() if candidate is not None]
        return sorted(found, key=_rank)

    def prune(self, candidate: ScoredStructure) -> ScoredStructure:
        """Drops the least certain term while that lowers the score; two steps uphill are allowed.

        Fewer terms never tell the table better: where these need more nats for it than the best formula of
        all needs altogether, nothing below can win.
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
        # All hopeless terms at once, else the weakest: a dense polynomial has hundreds.
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
