"""Candidates from linear algebra: power laws, dense polynomials and fractions of polynomials."""

import math
from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations_with_replacement

import numpy as np

from extrapolate.estimator.formula.structure import Array, Monomial, Structure, evaluate
from extrapolate.estimator.table.split import SplitTable

#: Degrees of (numerator, denominator), in the order of the search.
DEGREES = ((1, 1), (2, 1), (1, 2), (2, 2), (3, 1), (3, 2))

#: A null vector exists if the smallest singular value is at most this times the next one.
NULL = 1e-9


def polynomial(table: SplitTable, degree: int) -> list[Monomial]:
    """Return all monomials of total degree up to ``degree`` in the columns that vary."""
    usable = [index for index, column in enumerate(table.columns) if not column.constant]
    found = []
    for size in range(degree + 1):
        for chosen in combinations_with_replacement(usable, size):
            found.append(tuple(Fraction(chosen.count(index)) for index in range(len(table.columns))))
    return found


def polynomial_terms(table: SplitTable, degree: int) -> int:
    """Return the number of monomials of ``polynomial`` without creating them."""
    return math.comb(sum(not column.constant for column in table.columns) + degree, degree)


def power_laws(table: SplitTable) -> Iterator[Monomial]:
    """Fit a single power product, log|y| = log c + Σ w log|x|, and yield its exponents rounded in several ways."""
    usable = [index for index, column in enumerate(table.columns) if not column.constant]
    rows = (table.y != 0) & (table.x[:, usable] != 0).all(1)
    if rows.sum() <= 2 * len(usable) + 2 or not usable:
        return
    features = np.log(np.abs(table.x[rows][:, usable]))
    weights, *_ = np.linalg.lstsq(np.c_[np.ones(len(features)), features], np.log(np.abs(table.y[rows])))
    for denominator in (None, 2, 3, 4, 5, 10, 20, 100, 1000):
        monomial = [Fraction(0)] * len(table.columns)
        for index, weight in zip(usable, weights[1:].tolist(), strict=True):
            column = table.columns[index]
            exponent = column.nearest(weight)
            if denominator is not None and not column.negative:
                fraction = Fraction(weight).limit_denominator(denominator)
                exponent = fraction if column.allows(fraction) else exponent
            monomial[index] = exponent
        yield tuple(monomial)


def dense(table: SplitTable, degree: int, root: int, sign: int) -> Structure | None:
    """Return the full polynomial; None with fewer than about 3.2 rows per term, where a fit means nothing."""
    if polynomial_terms(table, degree) * 4 > len(table.y) + len(table.y) // 4:
        return None
    return Structure.of(polynomial(table, degree), root=root, sign=sign)


def fractions(table: SplitTable, target: Array, root: int, sign: int) -> Iterator[Structure]:
    """Yield N(x) = target·D(x) for polynomials: the null vector of [monomials of N, -target · monomials of D]."""
    scaled = table.x / np.array([column.scale for column in table.columns])
    for above_degree, below_degree in DEGREES:
        if 1.6 * sum(polynomial_terms(table, each) for each in (above_degree, below_degree)) > len(target):
            continue
        above, below = polynomial(table, above_degree), polynomial(table, below_degree)
        n, d = evaluate(above, scaled), evaluate(below, scaled)
        features = np.concatenate([n, -target[:, None] * d], 1)
        size = np.linalg.norm(features, axis=0)
        _, values, vectors = np.linalg.svd(features / size, full_matrices=False)
        if values[-1] > NULL * values[-2] or values[-2] < NULL * values[0]:
            continue
        share = np.abs(vectors[-1])
        kept = share > 1e-7 * share.max()
        numerator = [each for each, keep in zip(above, kept[: len(above)], strict=True) if keep]
        denominator = [each for each, keep in zip(below, kept[len(above) :], strict=True) if keep]
        if numerator and denominator:
            yield Structure.of(numerator, denominator, root, sign)


def linear_fraction(table: SplitTable, root: int, sign: int) -> Structure:
    """Return (linear)/(linear) with every column on both sides; pruning starts from it on noisy tables."""
    return Structure.of(polynomial(table, 1), polynomial(table, 1), root, sign)
