"""From a table of numbers to the formula in it, as a scikit-learn estimator.

:class:`ArithmeticRegressor` finds, checks and predicts; the rest are what it hands out, and the way from a
file to its arrays and from its formula to a file.
"""

from extrapolate.estimator.formula.formula import Coefficient, Formula
from extrapolate.estimator.formula.render import RenderedExpression, render
from extrapolate.estimator.formula.saved import SavedFormula, formula_as_json, load_formula
from extrapolate.estimator.regressor import ArithmeticRegressor, Candidate
from extrapolate.estimator.search.certificate import Certificate
from extrapolate.estimator.search.progress import FitWatch, QuietFit
from extrapolate.estimator.table.fit_data import FitData, read_fit_data
from extrapolate.estimator.table.parse_numbers import parse_numbers
from extrapolate.estimator.table.read_file import Table, read_batches

__all__ = [
    "ArithmeticRegressor",
    "Candidate",
    "Certificate",
    "Coefficient",
    "FitData",
    "FitWatch",
    "Formula",
    "QuietFit",
    "RenderedExpression",
    "SavedFormula",
    "Table",
    "formula_as_json",
    "load_formula",
    "parse_numbers",
    "read_batches",
    "read_fit_data",
    "render",
]
