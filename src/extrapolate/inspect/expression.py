"""What a person types, such as ``12 + 30``: two whole numbers and the operator between them."""

import re

from extrapolate._runtime.errors import UserError

#: An operator as it may be written, by its name; the sign of a product has several.
OPERATORS = {"+": "addition", "*": "multiplication", "×": "multiplication", "·": "multiplication"}

_SIGNS = re.compile("[" + re.escape("".join(OPERATORS)) + "]")


def parse(text: str) -> tuple[int, str, int]:
    """``(left, operation, right)`` of e.g. ``"12 + 30"``; digits may be parted by underscores.

    Raises:
        UserError: anything else; the message says what is wrong with it.
    """
    shown = text.strip() if len(text) <= 40 else f"{text[:20].strip()}…"
    if not text.strip():
        raise UserError("nothing to compute: give two whole numbers and + or *, such as '12 + 30'")
    signs = _SIGNS.findall(text)
    if len(signs) != 1:
        found = "no operator" if not signs else f"{len(signs)} operators"
        raise UserError(f"{shown!r} has {found}: give two whole numbers with one + or * between them")
    left, right = (_whole(side) for side in text.split(signs[0]))
    return left, OPERATORS[signs[0]], right


def _whole(text: str) -> int:
    digits = text.strip().replace("_", "")
    shown = text.strip() if len(text) <= 40 else f"{text.strip()[:20]}…"
    if not digits:
        raise UserError("a number is missing beside the operator: give one on each side")
    if digits.startswith("-"):
        raise UserError(f"{shown} is negative: give whole numbers from 0 up")
    if not (digits.isascii() and digits.isdigit()):
        raise UserError(f"{shown!r} is not a whole number: use the digits 0 to 9")
    return _from_decimal(digits)


def decimal(number: int) -> str:
    """As ``str``, of any number of digits: Python refuses those above a limit of its own."""
    if number.bit_length() <= 13_000:
        return str(number)
    half = number.bit_length() // 7  # about half of its decimal digits
    high, low = divmod(number, 10**half)
    return decimal(high) + decimal(low).zfill(half)


def _from_decimal(digits: str) -> int:
    """As ``int``, of any number of digits: Python refuses those above a limit of its own."""
    if len(digits) <= 4000:
        return int(digits)
    half = len(digits) // 2
    return _from_decimal(digits[:-half]) * 10**half + _from_decimal(digits[-half:])
