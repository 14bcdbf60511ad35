"""Pairs of operands as digits (count, width): uniform, with long carries, and with an exact carry length."""

from collections.abc import Callable

import torch
from torch import Tensor

from extrapolate._runtime.errors import UserError
from extrapolate.tasks.algorithms.digits import increment

Pair = tuple[Tensor, Tensor]

#: ``draw(count, width, base, generator)`` samples the digits of both operands, (count, width) each.
Draw = Callable[[int, int, int, torch.Generator], Pair]

#: Shares of :func:`hard_operands`: runs of the largest digit; sums equal to a power of the base or one less.
RUNS, POWERS = 0.2, 0.2

#: Share of ripples in :func:`rippling_operands`.
RIPPLES = 1 / 8


def uniform_operands(count: int, width: int, base: int, generator: torch.Generator) -> Pair:
    """Sample numbers uniformly below base^width."""
    both = torch.randint(base, (2, count, width), generator=generator)
    return both[0], both[1]


def hard_operands(count: int, width: int, base: int, generator: torch.Generator) -> Pair:
    """Sample the training mix that teaches carries, because uniform operands have no long ones.

    In 1/5 of the pairs, one operand is b^hi - b^(lo-1) and the other is below b^lo (1 ≤ lo ≤ hi ≤ width). In 1/5, the
    sum is b^k or b^k - 1; k is the width in half of these and uniform in the others. The rest is uniform. Source: the
    code of Price, Zaremba & Sutskever 2016 (arXiv 1611.00736), tasks such as ``baddt``.
    """
    a, b = uniform_operands(count, width, base, generator)
    run, small = _runs(b, base, generator)
    one, other = _powers(a, base, generator)
    kind = torch.rand(count, 1, generator=generator)
    is_run, is_power = kind < RUNS, kind >= 1 - POWERS
    a = torch.where(is_run, run, torch.where(is_power, one, a))
    b = torch.where(is_run, small, torch.where(is_power, other, b))
    return swap(a, b, generator)


#: Probabilities in :func:`varied_operands` that a new block begins at a digit.
_CHANGES = (0.0, 1 / 16, 1 / 8, 1 / 4, 1 / 2)


def varied_operands(count: int, width: int, base: int, generator: torch.Generator) -> Pair:
    """Sample :func:`hard_operands`, but with blocks of equal digits in 1/3 of the pairs.

    Short uniform numbers rarely have long blocks, such as the number 0; longer test numbers have many. Not published.
    """
    a, b = hard_operands(count, width, base, generator)
    blocks = torch.rand(count, 1, generator=generator) < 1 / 3
    first, second = (torch.where(blocks, _blocks(each, base, generator), each) for each in (a, b))
    return first, second


def rippling_operands(count: int, width: int, base: int, generator: torch.Generator) -> Pair:
    """Sample :func:`varied_operands`, but with b^hi - b^lo and b^lo in 1/8 of the pairs.

    In half of these, hi is the width, so the only nonzero digit of the sum is the last carry. Not published.
    """
    a, b = varied_operands(count, width, base, generator)
    ripples = swap(*_ripples(a, base, generator), generator)
    chosen = torch.rand(count, 1, generator=generator) < RIPPLES
    first, second = (torch.where(chosen, *each) for each in zip(ripples, (a, b), strict=True))
    return first, second


def _blocks(like: Tensor, base: int, generator: torch.Generator) -> Tensor:
    """Sample digits (B, width) in blocks; each row has a random mean block length."""
    count, width = like.shape
    chance = torch.tensor(_CHANGES)[torch.randint(len(_CHANGES), (count, 1), generator=generator)]
    block = (torch.rand(count, width, generator=generator) < chance).long().cumsum(1).clamp_max(width - 1)
    return torch.randint(base, (count, width), generator=generator).gather(1, block)


def _runs(below: Tensor, base: int, generator: torch.Generator) -> Pair:
    low, high = _ends(below, generator)
    positions = torch.arange(below.shape[1])
    run = ((positions >= low - 1) & (positions < high)) * (base - 1)
    return run, below * (positions < low)


def _ripples(like: Tensor, base: int, generator: torch.Generator) -> Pair:
    low, high = _ends(like, generator)
    positions = torch.arange(like.shape[1])
    high = torch.where(torch.rand(len(like), 1, generator=generator) < 0.5, len(positions), high)
    return ((positions >= low - 1) & (positions < high)) * (base - 1), (positions == low - 1).long()


def _ends(like: Tensor, generator: torch.Generator) -> Pair:
    """Sample 1 ≤ low ≤ high ≤ width, (count, 1) each."""
    count, width = like.shape
    ends = torch.randint(1, width + 1, (2, count, 1), generator=generator)
    return ends.amin(0), ends.amax(0)


def _powers(digits: Tensor, base: int, generator: torch.Generator) -> Pair:
    count, width = digits.shape
    anywhere = torch.randint(1, width + 1, (count, 1), generator=generator)
    power = torch.where(torch.rand(count, 1, generator=generator) < 0.5, width, anywhere)
    exact = torch.rand(count, 1, generator=generator) < 0.5
    return _complements(_not_zero(digits, power), power, exact, base)


def _not_zero(digits: Tensor, power: Tensor) -> Tensor:
    """Return ``digits`` modulo base^power, but 1 instead of 0."""
    own = digits * (torch.arange(digits.shape[1]) < power)
    own[:, 0] += own.sum(1) == 0
    return own


def _complements(own: Tensor, power: Tensor, exact: Tensor, base: int) -> Pair:
    """Return ``own`` and its difference from base^power (where ``exact``) or from base^power - 1."""
    rest = (base - 1 - own) * (torch.arange(own.shape[1]) < power)
    return own, torch.where(exact, increment(rest, base), rest)


def swap(a: Tensor, b: Tensor, generator: torch.Generator) -> Pair:
    """Swap the operands of each pair with probability 1/2."""
    turn = torch.rand(len(a), 1, generator=generator) < 0.5
    return torch.where(turn, b, a), torch.where(turn, a, b)


def carry_operands(
    count: int,
    carry: int,
    generator: torch.Generator,
    *,
    overflow: bool,
    width: int | None = None,
    base: int = 2,
) -> Pair:
    """Sample operands whose sum is b^carry (``overflow``) or b^carry - 1, with ``width`` digits (default carry + 1).

    With overflow, a carry moves from the lowest nonzero digit to position ``carry``. Without overflow, every
    position would propagate a carry, but there is none. If ``width`` is larger, both operands are shifted up by the
    same random number of positions. Source: the code of Price, Zaremba & Sutskever 2016.

    Raises:
        UserError: ``carry`` is below 1 or above ``width``.
    """
    width = carry + 1 if width is None else width
    if not 1 <= carry <= width:
        raise UserError(f"a carry over {carry} positions does not fit into {width}: choose 1 to {width}")
    digits = torch.randint(base, (count, carry), generator=generator)
    power = torch.full((count, 1), carry)
    own = _not_zero(digits, power) if overflow else digits
    pair = _complements(own, power, torch.full((count, 1), overflow), base)
    move = torch.randint(max(1, width - carry), (count, 1), generator=generator)
    a, b = (_move(each, move, width) for each in pair)
    return swap(a, b, generator)


def _move(digits: Tensor, move: Tensor, width: int) -> Tensor:
    """Return ``digits`` (B, c) in ``width`` positions, with each row shifted up by ``move`` (B, 1)."""
    out = digits.new_zeros(len(digits), width)
    return out.scatter_(1, torch.arange(digits.shape[1]) + move, digits)
