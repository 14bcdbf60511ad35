"""The result of a fit as sentences, for the page and the terminal."""

import math
import re
from typing import Any

from extrapolate.report.words import join_words, number, shorten, value

#: A larger reach is not mentioned.
REACH = 1e300

#: Numbers with too many digits to read; coefficients with at most this many characters are not shortened.
LONG_NUMBER, SHORT = re.compile(r"\d+\.\d{5,}(e[+-]?\d+)?|\d{8,}"), 10


def headline(found: dict[str, Any]) -> str:
    """Return one sentence: an exact formula, a formula with noise, or none."""
    target = found["target"]
    if not found["found"]:
        return f"No formula found for {target}"
    if found["certificate"]["exact"]:
        return f"An exact formula for {target}"
    return f"A formula for {target}, with noise"


def evidence(found: dict[str, Any]) -> list[str]:
    """Return the certificate as sentences."""
    certificate = found["certificate"]
    lines = []
    if not found["found"]:
        lines.append(f"Reason: {certificate['reason']}.")
    lines.append(_errors(found))
    if not certificate["exact"] and found["found"]:
        lines.append(_describe_noise(certificate))
    if certificate["agrees_in_fractions"]:
        lines.append(
            "In exact rational arithmetic, the printed formula equals the fitted one at "
            f"{certificate['checked_points']} random points{_reach(certificate['checked_reach'])}."
        )
    if found["found"]:
        conditions = certificate["undefined"]
        lines.append(f"Undefined where {join_words(list(conditions))}." if conditions else "Defined everywhere.")
    if certificate["time_limit_struck"]:
        lines.append("The search reached its time limit: with more --seconds it may find another formula.")
    return lines


def _errors(found: dict[str, Any]) -> str:
    certificate = found["certificate"]
    outer = certificate["outer_rows"]
    inner = found["rows_used"] - outer
    what = "Error" if found["found"] else "Error of the best formula"
    return (
        f"{what}, relative to the target's size: {value(certificate['inner_error'])} on the {inner} inner "
        f"rows used for fitting, {value(certificate['outer_error'])} on the {outer} held-out outer rows."
    )


def _describe_noise(certificate: dict[str, Any]) -> str:
    size = certificate["noise"]
    amount = f"about {100 * size:.2g} % of the value" if certificate["noise_grows"] else f"about {number(size)}"
    structure = certificate["residual_structure"]
    rest = "" if structure is None else f"; trees over all columns explain {100 * max(structure, 0.0):.0f} % of it"
    return f"The residuals are noise: {amount}{rest}."


def _reach(reach: float) -> str:
    return f", with values up to {number(reach)}" if reach < REACH else ""


def short(expression: str, width: int) -> str:
    """Return a shortened formula: five digits per number, at most ``width`` characters."""
    return shorten(LONG_NUMBER.sub(lambda found: f"{float(found[0]):.5g}", expression), width)


def coefficient_value(coefficient: dict[str, Any]) -> str:
    """Return a short coefficient as written, a long one with the digits that its standard error supports."""
    text: str = coefficient["written"]
    if len(text) <= SHORT:
        return text
    value, error = coefficient["value"], coefficient["standard_error"]
    digits = math.ceil(math.log10(abs(value) / error)) + 1 if error and value else 12
    return f"{value:.{min(max(digits, 3), 12)}g}"


def coefficient_error(coefficient: dict[str, Any]) -> str:
    """Return the standard error as text; "fixed" if the choice of scale fixes the coefficient."""
    return number(coefficient["standard_error"]) if coefficient["standard_error"] else "fixed"
