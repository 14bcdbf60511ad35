"""Turn a candidate into a formula: refit it on all rows and use neat constants where they fit."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import sympy

from extrapolate.estimator.formula.constants import recognise
from extrapolate.estimator.formula.formula import Coefficient, Formula, product
from extrapolate.estimator.formula.render import as_text, round_numbers
from extrapolate.estimator.formula.structure import Array, Structure
from extrapolate.estimator.search.candidates import EXACT, ScoredStructure, noise_profile
from extrapolate.estimator.search.coefficients import Fit, fit, least_squares
from extrapolate.estimator.table.split import SplitTable

#: Relative uncertainty of a coefficient of an exact formula, due to float64.
FLOAT = 4e-12

#: On noisy data a coefficient becomes exactly ±1 if it is within ``NEAR`` standard errors of ±1 and its
#: standard error is below ``SURE``.
NEAR, SURE = 2.5, 0.2

#: Most terms that a sketch writes out; for a longer formula it only gives the number of terms.
SKETCHED = 6


def write(candidate: ScoredStructure, table: SplitTable, symbols: Sequence[sympy.Symbol]) -> Formula:
    """Return the formula of ``candidate``, with coefficients refitted on all rows of ``table``."""
    noise = np.ones(len(table.y))
    if candidate.proportional:
        noise = noise_profile(candidate.fit.predict(table.x), table.size)
    choices = [_refit(candidate, lead, table, noise) for lead in _leads(candidate.structure)]
    if candidate.exact:
        fitted, deviation = max(choices, key=lambda each: _count_neat(*each))
        return _neat_exact(fitted, deviation, table, symbols)
    fitted, deviation = max(choices, key=lambda each: len(_structural(*each)))
    fixed = _structural(fitted, deviation)
    used = hold(fitted, fixed, table.x, table.y, noise) if fixed else fitted
    return _formula(used, fitted, deviation, symbols, {i: sympy.Integer(int(v)) for i, v in fixed.items()})


def sketch(candidate: ScoredStructure, symbols: Sequence[sympy.Symbol]) -> str:
    """Return the candidate as a short text for a progress display."""
    fitted = candidate.fit
    if (terms := len(fitted.above) + len(fitted.below)) > SKETCHED:
        return f"a formula of {terms} terms"
    formula = _formula(fitted, fitted, np.zeros(terms), symbols, {})
    return as_text(round_numbers(formula.expression(symbols), 3))


def _leads(structure: Structure) -> list[Structure]:
    """Return the structure once per denominator term, with that term first, so that its coefficient is 1."""
    terms = structure.denominator
    orders = [(lead, *(each for each in terms if each != lead)) for lead in terms]
    return [replace(structure, denominator=order) for order in orders] or [structure]


def _refit(
    candidate: ScoredStructure, structure: Structure, table: SplitTable, noise_std: Array
) -> tuple[Fit, Array]:
    """Return the fit on all rows, and the standard errors of its free coefficients."""
    fitted = fit(structure, table.x, table.y, noise_std)
    if fitted is None:
        fitted = candidate.fit
    error = (table.y - fitted.predict(table.x)) / noise_std
    freedom = max(1, len(error) - structure.free_coefficients)
    sigma = math.sqrt(float(np.sum(np.square(error))) / freedom)
    return fitted, np.sqrt(np.maximum(np.diag(fitted.covariance), 0.0)) * sigma


def _count_neat(fitted: Fit, deviation: Array) -> int:
    neat = [recognise(float(v), _tolerance(v, e)) for v, e in zip(_parameters(fitted), deviation, strict=True)]
    return sum(2 if each.is_Integer else 1 for each in neat if each is not None)


def _tolerance(value: float, deviation: float) -> float:
    return max(10 * float(deviation), FLOAT * abs(float(value)))


def _parameters(fitted: Fit) -> Array:
    return np.concatenate([fitted.above, fitted.below[1:]])


def _structural(fitted: Fit, deviation: Array) -> dict[int, float]:
    """Return the coefficients that are ±1 within their uncertainty, by index."""
    values = _parameters(fitted)
    near = (np.abs(np.abs(values) - 1) <= NEAR * deviation) & (deviation < SURE)
    return {int(index): float(np.sign(values[index])) for index in np.flatnonzero(near)}


def hold(fitted: Fit, fixed: dict[int, float], x: Array, y: Array, noise_std: Array) -> Fit:
    """Refit with the parameters ``fixed`` (index: value) held; the others minimise the squared error."""
    values = _parameters(fitted).copy()
    values[list(fixed)] = list(fixed.values())
    free = [index for index in range(len(values)) if index not in fixed]
    split = len(fitted.above)
    current = fitted
    for _ in range(6):
        current = replace(current, above=values[:split], below=np.r_[fitted.below[:1], values[split:]])
        if not free:
            break
        slopes = current.jacobian(x)[:, free] / noise_std[:, None]
        step = least_squares(slopes, (y - current.predict(x)) / noise_std)
        if step is None or not np.isfinite(step).all():
            return fitted
        values = values.copy()
        values[free] += step
    return current


def _neat_exact(fitted: Fit, deviation: Array, table: SplitTable, symbols: Sequence[sympy.Symbol]) -> Formula:
    """Try neat constants one by one; keep each only if the formula stays exact on every row."""
    plain = _formula(fitted, fitted, deviation, symbols, {})
    limit = max(2 * _largest_error(plain, table), 1e-13 * table.size, 0.01 * EXACT * table.size)
    chosen: dict[int, sympy.Expr] = {}
    for index, value in enumerate(_parameters(fitted)):
        neat = recognise(float(value), _tolerance(value, deviation[index]))
        if neat is None:
            continue
        tried = _formula(fitted, fitted, deviation, symbols, {**chosen, index: neat})
        if _largest_error(tried, table) <= limit:
            chosen[index] = neat
    return _formula(fitted, fitted, deviation, symbols, chosen)


def _largest_error(formula: Formula, table: SplitTable) -> float:
    return float(np.max(np.abs(table.y - formula.predict(table.x))))


def _formula(
    used: Fit, refit: Fit, deviation: Array, symbols: Sequence[sympy.Symbol], chosen: dict[int, sympy.Expr]
) -> Formula:
    """Build the formula; ``chosen`` replaces parameters by index (numerator first, then ``below[1:]``)."""
    structure, split = used.structure, len(used.above)

    def coefficient(term: sympy.Expr, part: str, values: tuple[float, float], index: int | None) -> Coefficient:
        symbolic = sympy.Integer(1) if index is None else chosen.get(index, sympy.Float(values[0], 17))
        error = 0.0 if index is None else float(deviation[index])
        return Coefficient(str(term), part, float(symbolic), float(values[1]), error, symbolic)

    above = tuple(
        coefficient(product(monomial, symbols), "numerator", (used.above[k], refit.above[k]), k)
        for k, monomial in enumerate(structure.numerator)
    )
    below = tuple(
        coefficient(
            product(monomial, symbols),
            "denominator",
            (used.below[k], refit.below[k]),
            split + k - 1 if k else None,
        )
        for k, monomial in enumerate(structure.denominator)
    )
    return Formula(structure, above, below)
