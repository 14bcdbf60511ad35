"""Integers of any size as rows of digits, least significant first, and exact arithmetic on batches of them."""

from collections.abc import Sequence

import torch
from torch import Tensor

from extrapolate._runtime.errors import UserError

LARGEST_BASE = 10


def check_base(base: int) -> None:
    """Raise UserError if there are no symbols for the digits of ``base``."""
    if not 2 <= base <= LARGEST_BASE:
        raise UserError(f"base {base} has no symbols: choose 2 to {LARGEST_BASE}")


def digits_of(values: Sequence[int], width: int, base: int = 2) -> Tensor:
    """Return the digits of non-negative integers, int64 (N, width), padded with zeros.

    Raises:
        UserError: a number is negative or has more than ``width`` digits.
    """
    out = torch.zeros(len(values), width, dtype=torch.int64)
    for row, number in enumerate(values):
        if number < 0:
            raise UserError(f"{number} is negative: use integers from 0 up")
        found = _digits(number, base)
        if len(found) > width:
            raise UserError(f"{len(found)} digits in base {base} do not fit into width {width}: use a larger width")
        out[row, : len(found)] = torch.tensor(found, dtype=torch.int64)
    return out


def _digits(number: int, base: int) -> list[int]:
    if base == 2:  # Python formats binary numbers in linear time; the loop below takes quadratic time
        return [int(bit) for bit in reversed(f"{number:b}")] if number else []
    found = []
    while number:
        number, digit = divmod(number, base)
        found.append(digit)
    return found


def numbers_of(digits: Tensor, base: int = 2) -> list[int]:
    """Return the numbers with these digits (N, width)."""
    return [_value(row, base) for row in digits.tolist()]


def _value(row: list[int], base: int) -> int:
    value = 0
    for digit in reversed(row):
        value = value * base + digit
    return value


def ripple(values: Tensor, base: int) -> Tensor:
    """Return the digits of Σ values_i · base^i modulo base^k from ``values`` (B, k), which may exceed digits."""
    out = torch.empty_like(values)
    carry = values.new_zeros(len(values))
    for position in range(values.shape[1]):
        value = values[:, position] + carry
        carry = torch.div(value, base, rounding_mode="floor")
        out[:, position] = value - carry * base
    return out


def add(a: Tensor, b: Tensor, base: int = 2) -> Tensor:
    """Return the digits of sums, (B, d + 1), from the digits of operands (B, d)."""
    return ripple(torch.nn.functional.pad(a + b, (0, 1)), base)


def multiply(a: Tensor, b: Tensor, base: int = 2) -> Tensor:
    """Return the digits of products, (B, 2 d), from the digits of operands (B, d)."""
    width = a.shape[1]
    total = a.new_zeros(len(a), 2 * width)
    for position in range(width):
        total[:, position : position + width] += a[:, position : position + 1] * b
    return ripple(total, base)


def increment(a: Tensor, base: int = 2) -> Tensor:
    """Return the digits of a + 1 modulo base^d, (B, d)."""
    more = a.clone()
    more[:, :1] += 1
    return ripple(more, base)


def significant(digits: Tensor) -> Tensor:
    """Return the number of significant digits of each row, (B,); it is 1 for the number 0."""
    counts = torch.arange(1, digits.shape[1] + 1, device=digits.device)
    return ((digits != 0) * counts).amax(1).clamp_min(1)
