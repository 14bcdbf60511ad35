"""Pairs of operands as digits (count, width): at random, with the carries that random numbers lack, and built."""

from collections.abc import Callable

import torch
from torch import Tensor

from extrapolate._runtime.errors import UserError
from extrapolate.tasks.algorithms.digits import increment

Pair = tuple[Tensor, Tensor]

#: ``draw(count, width, base, generator)``: digits of both operands, each (count, width).
Draw = Callable[[int, int, int, torch.Generator], Pair]

#: Shares of the examples with a run of largest digits, and with a sum at a power of the base or just below.
RUNS, POWERS = 0.2, 0.2

#: Of :func:`rippling_operands`, the share of ripples.
RIPPLES = 1 / 8


def uniform_operands(count: int, width: int, base: int, generator: torch.Generator) -> Pair:
    """Each number below base^width as likely as any other."""
    both = torch.randint(base, (2, count, width), generator=generator)
    return both[0], both[1]


def hard_operands(count: int, width: int, base: int, generator: torch.Generator) -> Pair:
    """The training mix that teaches carries: of random examples alone none has a long one.

    A fifth: one operand is b^hi - b^(lo-1), the other below b^lo (1 ≤ lo ≤ hi ≤ width). A fifth: they add up to b^k
    or b^k - 1, k being the width in half of them, any in the others. The rest is uniform. Source: the code of
    Price, Zaremba & Sutskever 2016 (arXiv 1611.00736), tasks ``baddt`` and the like.
    """
    a, b = uniform_operands(count, width, base, generator)
    run, small = _runs(b, base, generator)
    one, other = _powers(a, base, generator)
    kind = torch.rand(count, 1, generator=generator)
    is_run, is_power = kind < RUNS, kind >= 1 - POWERS
    a = torch.where(is_run, run, torch.where(is_power, one, a))
    b = torch.where(is_run, small, torch.where(is_power, other, b))
    return swap(a, b, generator)


#: Of the examples of :func:`varied_operands` that are of blocks, how likely a digit differs from the one below.
_CHANGES = (0.0, 1 / 16, 1 / 8, 1 / 4, 1 / 2)


def varied_operands(count: int, width: int, base: int, generator: torch.Generator) -> Pair:
    """As :func:`hard_operands`, but a third of the pairs are made of blocks of equal digits.

    Short random numbers hardly have a long block, zero least of all, and long ones are full of what is new then.
    Not published.
    """
    a, b = hard_operands(count, width, base, generator)
    blocks = torch.rand(count, 1, generator=generator) < 1 / 3
    first, second = (torch.where(blocks, _blocks(each, base, generator), each) for each in (a, b))
    return first, second


def rippling_operands(count: int, width: int, base: int, generator: torch.Generator) -> Pair:
    """As :func:`varied_operands`, but an eighth of the pairs are b^hi - b^lo and b^lo.

    hi is the width in half of them: nothing is left of the sum but a carry at its very end. Not published.
    """
    a, b = varied_operands(count, width, base, generator)
    ripples = swap(*_ripples(a, base, generator), generator)
    chosen = torch.rand(count, 1, generator=generator) < RIPPLES
    first, second = (torch.where(chosen, *each) for each in zip(ripples, (a, b), strict=True))
    return first, second


def _blocks(like: Tensor, base: int, generator: torch.Generator) -> Tensor:
    """Digits (B, width) in blocks, of a mean length drawn for each row."""
    count, width = like.shape
    chance = torch.tensor(_CHANGES)[torch.randint(len(_CHANGES), (count, 1), generator=generator)]
    block = (torch.rand(count, width, generator=generator) < chance).long().cumsum(1).clamp_max(width - 1)
    return torch.randint(base, (count, width), generator=generator).gather(1, block)


def _runs(below: Tensor, base: int, generator: torch.Generator) -> Pair:
    low, high = _ends(below, generator)
    places = torch.arange(below.shape[1])
    run = ((places >= low - 1) & (places < high)) * (base - 1)
    return run, below * (places < low)


def _ripples(like: Tensor, base: int, generator: torch.Generator) -> Pair:
    low, high = _ends(like, generator)
    places = torch.arange(like.shape[1])
    high = torch.where(torch.rand(len(like), 1, generator=generator) < 0.5, len(places), high)
    return ((places >= low - 1) & (places < high)) * (base - 1), (places == low - 1).long()


def _ends(like: Tensor, generator: torch.Generator) -> Pair:
    """1 ≤ low ≤ high ≤ width, each (count, 1)."""
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
    """``digits`` below base^power, with a 1 at the bottom of those that would be 0."""
    own = digits * (torch.arange(digits.shape[1]) < power)
    own[:, 0] += own.sum(1) == 0
    return own


def _complements(own: Tensor, power: Tensor, exact: Tensor, base: int) -> Pair:
    """``own`` and what is missing from it to base^power where ``exact``, to one less elsewhere."""
    rest = (base - 1 - own) * (torch.arange(own.shape[1]) < power)
    return own, torch.where(exact, increment(rest, base), rest)


def swap(a: Tensor, b: Tensor, generator: torch.Generator) -> Pair:
    """The operands of every pair in an order drawn anew."""
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
    """Operands whose sum is b^carry (``overflow``) or b^carry - 1, of ``width`` digits: carry + 1 unless told.

    Where there is an overflow, a carry goes from the lowest digit that is not zero up to place ``carry``; where there
    is none, every place would pass one on. In a wider field both are moved up by the same random number of
    places. Source: the code of Price, Zaremba & Sutskever 2016.

    Raises:
        UserError: ``carry`` is below 1 or above ``width``.
    """
    width = carry + 1 if width is None else width
    if not 1 <= carry <= width:
        raise UserError(f"a carry over {carry} places does not fit into {width}: give 1 to {width}")
    digits = torch.randint(base, (count, carry), generator=generator)
    power = torch.full((count, 1), carry)
    own = _not_zero(digits, power) if overflow else digits
    pair = _complements(own, power, torch.full((count, 1), overflow), base)
    move = torch.randint(max(1, width - carry), (count, 1), generator=generator)
    a, b = (_move(each, move, width) for each in pair)
    return swap(a, b, generator)


def _move(digits: Tensor, move: Tensor, width: int) -> Tensor:
    """``digits`` (B, c) in a field of ``width``, each row's moved up by ``move`` (B, 1)."""
    out = digits.new_zeros(len(digits), width)
    return out.scatter_(1, torch.arange(digits.shape[1]) + move, digits)
