"""What a fit found, in sentences: for the page and for the terminal."""

import math
import re
from typing import Any

from extrapolate.report.words import join_words, number, shorten, value

#: Beyond this a power of ten says more.
REACH = 1e300

#: Numbers with more digits than a reader takes in; and letters up to which a coefficient is shown whole.
LONG_NUMBER, NEAT = re.compile(r"\d+\.\d{5,}(e[+-]?\d+)?|\d{8,}"), 10


def headline(found: dict[str, Any]) -> str:
    """One sentence: exact, with noise, or none."""
    target = found["target"]
    if not found["found"]:
        return f"No formula found for {target}"
    if found["certificate"]["exact"]:
        return f"An exact formula for {target}"
    return f"A formula for {target}, with noise"


def evidence(found: dict[str, Any]) -> list[str]:
    """The certificate, a sentence a piece."""
    certificate = found["certificate"]
    told = []
    if not found["found"]:
        told.append(f"Why: {certificate['reason']}.")
    told.append(_errors(found))
    if not certificate["exact"] and found["found"]:
        told.append(_describe_noise(certificate))
    if certificate["agrees_in_fractions"]:
        told.append(
            "The printed formula equals the fitted one in exact fractions at "
            f"{certificate['checked_points']} random points{_reach(certificate['checked_reach'])}."
        )
    if found["found"]:
        places = certificate["undefined"]
        told.append(f"Undefined where {join_words(list(places))}." if places else "Defined everywhere.")
    if certificate["time_limit_struck"]:
        told.append("The time limit cut the search short: more --seconds may find another formula.")
    return told


def _errors(found: dict[str, Any]) -> str:
    certificate = found["certificate"]
    outer = certificate["outer_rows"]
    inner = found["rows_used"] - outer
    what = "Error" if found["found"] else "The best formula's error"
    return (
        f"{what}, as a share of the target's size: {value(certificate['inner_error'])} on the {inner} inner "
        f"rows it was fitted on, {value(certificate['outer_error'])} on the {outer} outer rows kept aside."
    )


def _describe_noise(certificate: dict[str, Any]) -> str:
    size = certificate["noise"]
    told = f"about {100 * size:.2g} % of the value" if certificate["noise_grows"] else f"about {number(size)}"
    left = certificate["residual_structure"]
    rest = "" if left is None else f"; trees over all columns explain {100 * max(left, 0.0):.0f} % of it"
    return f"What is left is noise: {told}{rest}."


def _reach(reach: float) -> str:
    return f", up to {number(reach)}" if reach < REACH else ""


def short(expression: str, width: int) -> str:
    """A formula to be looked at: five digits a number, and no more letters than ``width``."""
    return shorten(LONG_NUMBER.sub(lambda found: f"{float(found[0]):.5g}", expression), width)


def coefficient_value(coefficient: dict[str, Any]) -> str:
    """A neat number as it is written; any other to the digits that its standard error leaves."""
    written: str = coefficient["written"]
    if len(written) <= NEAT:
        return written
    value, error = coefficient["value"], coefficient["standard_error"]
    digits = math.ceil(math.log10(abs(value) / error)) + 1 if error and value else 12
    return f"{value:.{min(max(digits, 3), 12)}g}"


def coefficient_error(coefficient: dict[str, Any]) -> str:
    """The standard error in words; where the number is fixed by the choice of scale there is none."""
    return number(coefficient["standard_error"]) if coefficient["standard_error"] else "fixed"
