"""Save a fitted formula as JSON (structure, columns, coefficients); loading it checks every part."""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from extrapolate._runtime.errors import UserError
from extrapolate.estimator.formula.formula import Formula
from extrapolate.estimator.formula.render import as_text
from extrapolate.estimator.formula.structure import Array, Monomial, Structure

FORMAT, VERSION = "extrapolate formula", 1

EXPONENT = re.compile(r"-?\d{1,6}(/[1-9]\d{0,5})?")


@dataclass(frozen=True)
class SavedFormula:
    """A formula loaded from a file.

    Attributes:
        target: the column it predicts.
        found: False if no formula was found; the other fields then hold the best linear model, or the mean.
        columns: the columns in the formula, in the order of its exponents.
        above, below: the coefficients of the structure's numerator and denominator.
    """

    target: str
    found: bool
    columns: tuple[str, ...]
    structure: Structure
    above: Array
    below: Array

    def predict(self, x: Array) -> Array:
        """Return y (N,) for x (N, I), whose columns are ``columns``; NaN where undefined."""
        return self.structure.value(x, self.above, self.below)


def formula_as_json(formula: Formula, names: Sequence[str], target: str, *, found: bool) -> dict[str, Any]:
    """Return the formula as a JSON object; ``names``: all fitted columns, of which only those in use are saved."""
    used = formula.structure.columns()

    def terms(coefficients: Sequence[Any], monomials: Sequence[Monomial]) -> list[dict[str, Any]]:
        return [
            {
                "coefficient": each.value,
                "written": as_text(each.symbolic),
                "exponents": [str(monomial[index]) for index in used],
            }
            for each, monomial in zip(coefficients, monomials, strict=True)
        ]

    return {
        "format": FORMAT,
        "version": VERSION,
        "target": target,
        "found": found,
        "columns": [names[index] for index in used],
        "root": formula.structure.root,
        "sign": formula.structure.sign,
        "numerator": terms(formula.above, formula.structure.numerator),
        "denominator": terms(formula.below, formula.structure.denominator),
    }


def load_formula(path: Path) -> SavedFormula:
    """Load ``path``, or ``path/model.json`` if ``path`` is a folder.

    Raises:
        UserError: there is no such file, or it is not a saved formula of this version.
    """
    path = path / "model.json" if path.is_dir() else path
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"no such model: {path}; create one with `extrapolate fit`") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is not a saved formula: {error}") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise UserError(f"{path} is not a saved formula: pass the folder or model.json of `extrapolate fit`")
    if content.get("version") != VERSION:
        raise UserError(f"{path} is from another version of extrapolate: create it again with `extrapolate fit`")
    try:
        return _read(content)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{path} is damaged ({error}): create it again with `extrapolate fit`") from error


def _read(content: dict[str, Any]) -> SavedFormula:
    columns = [_check_type(name, str) for name in _check_type(content["columns"], list)]
    root, sign = _check_type(content["root"], int), _check_type(content["sign"], int)
    if root not in (1, 2) or sign not in (1, -1) or len(set(columns)) != len(columns):
        raise ValueError("invalid root, sign or columns")
    numerator, above = _terms(content["numerator"], len(columns))
    denominator, below = _terms(content["denominator"], len(columns))
    if not numerator or len(denominator) == 1:
        raise ValueError("terms are missing")
    return SavedFormula(
        target=_check_type(content["target"], str),
        found=_check_type(content["found"], bool),
        columns=tuple(columns),
        structure=Structure(numerator, denominator, root, sign),
        above=above,
        below=below,
    )


def _terms(items: Any, columns: int) -> tuple[tuple[Monomial, ...], Array]:
    monomials, coefficients = [], []
    for item in _check_type(items, list):
        coefficient, exponents = item["coefficient"], _check_type(item["exponents"], list)
        if isinstance(coefficient, bool) or not isinstance(coefficient, int | float) or len(exponents) != columns:
            raise ValueError("invalid term")
        if not math.isfinite(coefficient) or not all(
            EXPONENT.fullmatch(_check_type(each, str)) for each in exponents
        ):
            raise ValueError("invalid coefficient or exponent")
        monomials.append(tuple(map(Fraction, exponents)))
        coefficients.append(float(coefficient))
    return tuple(monomials), np.array(coefficients)


def _check_type(value: Any, kind: type) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"{value!r:.40} is not of type {kind.__name__}")
    return value
