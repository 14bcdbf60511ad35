"""From a table of numbers to the formula in it, as a scikit-learn estimator.

:class:`ArithmeticRegressor` finds, checks and predicts; the rest are what it hands out, and the way from a
file to its arrays and from its formula to a file.
"""

from extrapolate.estimator._certificate import Certificate
from extrapolate.estimator._file_reading import Sheet, read_batches
from extrapolate.estimator._fit_data import FitData, read_fit_data
from extrapolate.estimator._formula import Coefficient, Formula
from extrapolate.estimator._numbers import numbers
from extrapolate.estimator._regressor import ArithmeticRegressor, Ranked
from extrapolate.estimator._saving import SavedFormula, formula_as_json, load_formula
from extrapolate.estimator._showing import Shown, show
from extrapolate.estimator._watch import FitWatch, QuietFit

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
