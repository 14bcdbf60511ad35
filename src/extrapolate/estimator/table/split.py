"""Split a table into inner rows, on which formulas are fitted, and outer rows, which test extrapolation."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from extrapolate.estimator.formula.structure import Array
from extrapolate.estimator.table.columns import Column, describe

#: Share of outer rows: those farthest from the center, held out from fits while formulas are compared.
OUTER_SHARE = 0.2

#: Most rows that score formulas during the search; the best ones are scored again on all rows.
JUDGED_ROWS = 5000

#: Most inner rows from which formulas are proposed.
SEARCH_ROWS = 320


@dataclass(frozen=True)
class SplitTable:
    """x (N, I), y (N,), and ``outer`` (N,), True for the outer rows."""

    x: Array
    y: Array
    outer: NDArray[np.bool_]

    @classmethod
    def of(cls, x: Array, y: Array) -> "SplitTable":
        """Split by the distance of each row's ranks from the middle; so the scale of a column does not matter."""
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
        """Return a random ``JUDGED_ROWS`` of the rows, inner and outer; the table itself if it has no more."""
        if len(self.x) <= JUDGED_ROWS:
            return self
        keep = np.sort(rng.choice(len(self.x), JUDGED_ROWS, replace=False))
        return SplitTable(self.x[keep], self.y[keep], self.outer[keep])

    def sample(self, rng: np.random.Generator) -> "SplitTable":
        """Return at most ``SEARCH_ROWS`` random inner rows."""
        inner = self.inner
        if len(inner.x) <= SEARCH_ROWS:
            return inner
        keep = np.sort(rng.choice(len(inner.x), SEARCH_ROWS, replace=False))
        return SplitTable(inner.x[keep], inner.y[keep], np.zeros(SEARCH_ROWS, bool))
