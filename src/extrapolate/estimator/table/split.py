"""The split of a table: inner rows, on which formulas are fitted, and outer rows, which test extrapolation."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from extrapolate.estimator.formula.structure import Array
from extrapolate.estimator.table.columns import Column, describe

#: Share of outer rows, the furthest from the middle. No coefficient is fitted on them during the search.
OUTER_SHARE = 0.2

#: Most rows used to compare formulas during the search. The best formulas are compared again on all rows.
JUDGED_ROWS = 5000

#: Most inner rows used to propose formulas.
SEARCH_ROWS = 320


@dataclass(frozen=True)
class SplitTable:
    """x (N, I), y (N,), and the mask ``outer`` (N,) of the outer rows."""

    x: Array
    y: Array
    outer: NDArray[np.bool_]

    @classmethod
    def of(cls, x: Array, y: Array) -> "SplitTable":
        """Split by the distance of a row's ranks from the middle, so that all columns count equally."""
        ranks = np.stack([rankdata(column) / len(x) - 0.5 for column in x.T], 1)
        distance = np.square(ranks).sum(1)
        outer = np.zeros(len(x), bool)
        outer[np.argsort(distance, kind="stable")[len(x) - int(OUTER_SHARE * len(x)) :]] = True
        return cls(x, y, outer)

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        return describe(self.x)

    @cached_property
    def size(self) -> float:
        """Root mean square of y."""
        return float(np.sqrt(np.mean(np.square(self.y)))) or 1.0

    @cached_property
    def inner(self) -> "SplitTable":
        keep = ~self.outer
        return SplitTable(self.x[keep], self.y[keep], np.zeros(int(keep.sum()), bool))

    def thin(self, rng: np.random.Generator) -> "SplitTable":
        """Return a random sample of at most ``JUDGED_ROWS`` rows, inner and outer."""
        if len(self.x) <= JUDGED_ROWS:
            return self
        keep = np.sort(rng.choice(len(self.x), JUDGED_ROWS, replace=False))
        return SplitTable(self.x[keep], self.y[keep], self.outer[keep])

    def sample(self, rng: np.random.Generator) -> "SplitTable":
        """Return a random sample of at most ``SEARCH_ROWS`` inner rows."""
        inner = self.inner
        if len(inner.x) <= SEARCH_ROWS:
            return inner
        keep = np.sort(rng.choice(len(inner.x), SEARCH_ROWS, replace=False))
        return SplitTable(inner.x[keep], inner.y[keep], np.zeros(SEARCH_ROWS, bool))
