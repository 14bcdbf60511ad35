"""Find the formula in a table of numbers, with a scikit-learn estimator.

:class:`ArithmeticRegressor` finds, checks and applies a formula. The other classes are its results;
:func:`load_formula` loads a saved formula.
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
