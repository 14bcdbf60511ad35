"""From a table of numbers to the formula in it, as a scikit-learn estimator.

:class:`ArithmeticRegressor` finds, checks and predicts; the rest are what it hands out, and the way from a
file to its arrays and from its formula to a file.
"""

from extrapolate._runtime.extras import needs_extra

with needs_extra("fit", "extrapolate.estimator"):
    from extrapolate.estimator.formula.formula import Coefficient, Formula
    from extrapolate.estimator.formula.saved import SavedFormula, load_formula
    from extrapolate.estimator.regressor import ArithmeticRegressor, Candidate
    from extrapolate.estimator.search.certificate import Certificate

__all__ = [
    "ArithmeticRegressor",
    "Candidate",
    "Certificate",
    "Coefficient",
    "Formula",
    "SavedFormula",
    "load_formula",
]
