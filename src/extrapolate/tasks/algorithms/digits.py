"""Whole numbers of any size as rows of digits, least significant first, and exact arithmetic on whole batches."""

from collections.abc import Sequence

import torch
from torch import Tensor

from extrapolate._runtime.errors import UserError

LARGEST_BASE = 10


def check_base(base: int) -> None:
    """Raises UserError for a base whose digits have no symbols."""
    if not 2 <= base <= LARGEST_BASE:
        raise UserError(f"base {base} has no symbols: choose one from 2 to {LARGEST_BASE}")


def digits_of(values: Sequence[int], width: int, base: int = 2) -> Tensor:
    """int64 (N, width): the digits of whole numbers, none negative, zeros behind them.

    Raises:
        UserError: a number is negative or has more digits.
    """
    out = torch.zeros(len(values), width, dtype=torch.int64)
    for row, number in enumerate(values):
        if number < 0:
            raise UserError(f"{number} is negative: give whole numbers from 0 up")
        found = _digits(number, base)
        if len(found) > width:
            raise UserError(f"{len(found)} digits in base {base} do not fit into {width}: give a larger width")
        out[row, : len(found)] = torch.tensor(found, dtype=torch.int64)
    return out


def _digits(number: int, base: int) -> list[int]:
    if base == 2:  # Python writes these in a time that does not grow with the square of the size
        return [int(bit) for bit in reversed(f"{number:b}")] if number else []
    found = []
    while number:
        number, digit = divmod(number, base)
        found.append(digit)
    return found


def numbers_of(digits: Tensor, base: int = 2) -> list[int]:
    """The numbers of rows of digits (N, width)."""
    return [_value(row, base) for row in digits.tolist()]


def _value(row: list[int], base: int) -> int:
    value = 0
    for digit in reversed(row):
        value = value * base + digit
    return value


def ripple(values: Tensor, base: int) -> Tensor:
    """Digits of Σ values_i · base^i from values (B, k) that may exceed digits; what leaves the last place is lost."""
    out = torch.empty_like(values)
    carry = values.new_zeros(len(values))
    for place in range(values.shape[1]):
        value = values[:, place] + carry
        carry = torch.div(value, base, rounding_mode="floor")
        out[:, place] = value - carry * base
    return out


def add(a: Tensor, b: Tensor, base: int = 2) -> Tensor:
    """The digits of sums, (B, d + 1), from those of operands (B, d)."""
    return ripple(torch.nn.functional.pad(a + b, (0, 1)), base)


def multiply(a: Tensor, b: Tensor, base: int = 2) -> Tensor:
    """The digits of products, (B, 2 d), from those of operands (B, d)."""
    width = a.shape[1]
    total = a.new_zeros(len(a), 2 * width)
    for place in range(width):
        total[:, place : place + width] += a[:, place : place + 1] * b
    return ripple(total, base)


def increment(a: Tensor, base: int = 2) -> Tensor:
    """The digits of a + 1 modulo base^d, (B, d)."""
    more = a.clone()
    more[:, :1] += 1
    return ripple(more, base)


def significant(digits: Tensor) -> Tensor:
    """How many digits each row has without zeros at its end, (B,); of a zero one."""
    places = torch.arange(1, digits.shape[1] + 1, device=digits.device)
    return ((digits != 0) * places).amax(1).clamp_min(1)
