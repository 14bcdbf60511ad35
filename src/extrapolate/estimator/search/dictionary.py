"""Candidates from a dictionary: a few power products, out of thousands, that together explain the target."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import combinations, product

import numpy as np

from extrapolate.estimator.formula.structure import Array, Monomial, Structure, evaluate, exponent_cost
from extrapolate.estimator.table.columns import Column
from extrapolate.estimator.table.split import SplitTable

SINGLE = tuple(
    Fraction(p, q)
    for p, q in (
        (1, 1),
        (2, 1),
        (-1, 1),
        (1, 2),
        (-2, 1),
        (-1, 2),
        (3, 1),
        (-3, 1),
        (3, 2),
        (4, 1),
        (1, 3),
        (2, 3),
        (-3, 2),
        (-4, 1),
    )
)
PAIRED = tuple(Fraction(p, q) for p, q in ((1, 1), (2, 1), (-1, 1), (1, 2), (-2, 1), (-1, 2), (3, 1)))
TRIPLE = tuple(Fraction(p, q) for p, q in ((1, 1), (2, 1), (-1, 1), (-2, 1), (1, 2)))
MANY = (Fraction(1), Fraction(-1))
EXPONENTS = {1: SINGLE, 2: PAIRED, 3: TRIPLE, 4: MANY}

#: Most monomials that are tried as single terms, and most monomials of which all pairs are tried.
LARGEST, PAIRS = 9000, 2600


@lru_cache(maxsize=2)
def monomials(columns: tuple[Column, ...]) -> list[Monomial]:
    """Return the ``LARGEST`` cheapest power products of up to four of these columns, cheapest first."""
    usable = [index for index, column in enumerate(columns) if not column.constant]
    found: list[tuple[float, Monomial]] = []
    for count, exponents in EXPONENTS.items():
        for chosen in combinations(usable, count):
            allowed = [[e for e in exponents if columns[index].allows(e)] for index in chosen]
            costs = [[exponent_cost(e) for e in each] for each in allowed]
            for powers, cost in zip(product(*allowed), product(*costs), strict=True):
                monomial = [Fraction(0)] * len(columns)
                for index, exponent in zip(chosen, powers, strict=True):
                    monomial[index] = exponent
                found.append((sum(cost) + count * math.log(len(columns)), tuple(monomial)))
        if len(found) > 20 * LARGEST:  # wide table: products of more columns would be cut off anyway
            break
    found.sort(key=lambda each: each[0])
    return [monomial for _, monomial in found[:LARGEST]]


@dataclass(frozen=True)
class Dictionary:
    """The values of monomials for a numerator, and those times ``target`` for a denominator.

    Attributes:
        above, below: the A monomials for a numerator and the B for a denominator.
        features: (N, A + B), finite: columns for ``above``, then for ``below``.
        target: y or y².
    """

    above: list[Monomial]
    below: list[Monomial]
    features: Array
    target: Array

    @classmethod
    def of(cls, table: SplitTable, choices: list[Monomial], target: Array, *, divisors: int) -> "Dictionary":
        """Evaluate ``choices``; ``divisors``: number of the cheapest monomials also used in a denominator."""
        with np.errstate(all="ignore"):
            values = evaluate(choices, table.x)
        varies = np.isfinite(values).all(0) & (values.std(0) > 1e-9 * np.abs(values).max(0))
        keep = [index for index in range(len(choices)) if varies[index]]
        above = [choices[index] for index in keep]
        values = values[:, keep]
        below = above[:divisors]
        return cls(above, below, np.concatenate([values, values[:, : len(below)] * target[:, None]], 1), target)

    def structure(self, chosen: tuple[int, ...], base: list[Monomial], root: int, sign: int) -> Structure:
        """Return the structure of target = Σ c m + Σ d (target·m), solved for the target."""
        split = len(self.above)
        zero = tuple(Fraction(0) for _ in self.above[0])
        numerator = [self.above[index] for index in chosen if index < split]
        denominator = [self.below[index - split] for index in chosen if index >= split]
        return Structure.of([*base, *numerator], [zero, *denominator] if denominator else [], root, sign)


def project(features: Array, base: Array) -> Array:
    """Return the part of each feature orthogonal to ``base``, of length 1; 0 if ``base`` explains the feature."""
    q, _ = np.linalg.qr(base)
    length = np.linalg.norm(features, axis=0)
    rest = features - q @ (q.T @ features)
    rest -= q @ (q.T @ rest)
    left = np.linalg.norm(rest, axis=0)
    usable = left > 1e-7 * length
    return np.where(usable, rest / np.where(usable, left, 1.0), 0.0)


def best_pairs(dictionary: Dictionary, base: Array, keep: int) -> Iterator[tuple[int, ...]]:
    """Yield the pairs of features, and single ones, that explain most of the target beyond ``base``, best first."""
    features = project(dictionary.features, base)
    target = project(dictionary.target[:, None], base)[:, 0]
    along = features.T @ target
    scores: list[tuple[float, tuple[int, ...]]] = []
    singles = np.argsort(-np.abs(along), kind="stable")[: max(4, keep // 4)]
    scores += [(float(along[index] ** 2), (int(index),)) for index in singles]
    block = 512
    for start in range(0, len(along), block):
        rows = slice(start, start + block)
        cosine = features[:, rows].T @ features
        left, right = along[rows, None], along[None, :]
        free = 1 - np.square(cosine)
        explained = left**2 + np.square(right - cosine * left) / np.where(free > 1e-10, free, np.inf)
        explained[np.arange(start, start + cosine.shape[0])[:, None] >= np.arange(len(along))] = -1.0
        flat = np.argpartition(-explained, min(keep, explained.size - 1), axis=None)[:keep]
        for index in flat:
            i, j = divmod(int(index), explained.shape[1])
            scores.append((float(explained[i, j]), (start + i, j)))
    scores.sort(key=lambda each: (-each[0], each[1]))
    for _, chosen in scores[:keep]:
        yield chosen


def best_additions(dictionary: Dictionary, base: Array, keep: int) -> list[tuple[int, ...]]:
    """Return the single features that explain most of the target beyond ``base``, best first."""
    features = project(dictionary.features, base)
    target = project(dictionary.target[:, None], base)[:, 0]
    along = np.abs(features.T @ target)
    return [(int(index),) for index in np.argsort(-along, kind="stable")[:keep]]
