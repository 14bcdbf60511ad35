"""From a table of numbers to the formula in it, as a scikit-learn estimator.

:class:`ArithmeticRegressor` finds, verifies and predicts; the rest are what it hands out.
"""

from extrapolate.estimator._certificate import Certificate
from extrapolate.estimator._formula import Coefficient, Formula
from extrapolate.estimator._regressor import ArithmeticRegressor, Ranked
from extrapolate.estimator._watch import FitWatch, QuietFit

__all__ = ["ArithmeticRegressor", "Certificate", "Coefficient", "FitWatch", "Formula", "QuietFit", "Ranked"]
