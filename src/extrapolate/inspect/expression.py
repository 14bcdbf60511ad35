"""Parse an expression such as ``12 + 30``: two whole numbers with an operator between them."""

import re

from extrapolate._runtime.errors import UserError

#: Names of the operators by their signs.
OPERATORS = {"+": "addition", "*": "multiplication", "×": "multiplication", "·": "multiplication"}

_SIGNS = re.compile("[" + re.escape("".join(OPERATORS)) + "]")


def parse(text: str) -> tuple[int, str, int]:
    """Return ``(left, operator, right)`` of an expression such as ``"12 + 30"``. Digits may contain underscores.

    Raises:
        UserError: the text is not such an expression. The message names the mistake.
    """
    short = text.strip() if len(text) <= 40 else f"{text[:20].strip()}…"
    if not text.strip():
        raise UserError("nothing to compute: pass two whole numbers and + or *, such as '12 + 30'")
    signs = _SIGNS.findall(text)
    if len(signs) != 1:
        found = "no operator" if not signs else f"{len(signs)} operators"
        raise UserError(f"{short!r} has {found}: pass two whole numbers with one + or * between them")
    left, right = (_whole(side) for side in text.split(signs[0]))
    return left, OPERATORS[signs[0]], right


def _whole(text: str) -> int:
    digits = text.strip().replace("_", "")
    short = text.strip() if len(text) <= 40 else f"{text.strip()[:20]}…"
    if not digits:
        raise UserError("a number is missing: pass one on each side of the operator")
    if digits.startswith("-"):
        raise UserError(f"{short} is negative: use whole numbers from 0")
    if not (digits.isascii() and digits.isdigit()):
        raise UserError(f"{short!r} is not a whole number: use the digits 0 to 9")
    return _from_decimal(digits)


def decimal(number: int) -> str:
    """Return ``str(number)`` for any number of digits. Python's ``str`` has a limit."""
    if number.bit_length() <= 13_000:
        return str(number)
    half = number.bit_length() // 7  # about half of its decimal digits
    high, low = divmod(number, 10**half)
    return decimal(high) + decimal(low).zfill(half)


def _from_decimal(digits: str) -> int:
    """Return ``int(digits)`` for any number of digits. Python's ``int`` has a limit."""
    if len(digits) <= 4000:
        return int(digits)
    half = len(digits) // 2
    return _from_decimal(digits[:-half]) * 10**half + _from_decimal(digits[-half:])
