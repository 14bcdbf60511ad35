"""From a table of numbers to the formula in it, as a scikit-learn estimator.

:class:`ArithmeticRegressor` finds, checks and predicts; the rest are what it hands out, and the way from a
file to its arrays and from its formula to a file.
"""

from extrapolate.estimator.formula.formula import Coefficient, Formula
from extrapolate.estimator.formula.render import Shown, show
from extrapolate.estimator.formula.saved import SavedFormula, formula_as_json, load_formula
from extrapolate.estimator.regressor import ArithmeticRegressor, Ranked
from extrapolate.estimator.search.certificate import Certificate
from extrapolate.estimator.search.progress import FitWatch, QuietFit
from extrapolate.estimator.table.fit_data import FitData, read_fit_data
from extrapolate.estimator.table.parse_numbers import numbers
from extrapolate.estimator.table.read_file import Sheet, read_batches

__all__ = [
    "ArithmeticRegressor",
    "Certificate",
    "Coefficient",
    "FitData",
    "FitWatch",
    "Formula",
    "QuietFit",
    "Ranked",
    "SavedFormula",
    "Sheet",
    "Shown",
    "formula_as_json",
    "load_formula",
    "numbers",
    "read_batches",
    "read_fit_data",
    "show",
]
