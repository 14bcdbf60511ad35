"""Adversarial families of operands that random samples hardly contain: long carries, symmetry, powers, blocks."""

import itertools
import random
from collections.abc import Callable, Iterable, Iterator

from extrapolate._runtime.errors import UserError

Pairs = list[tuple[int, int]]

#: ``family(width, random)`` returns pairs of numbers below 2^width.
_Family = Callable[[int, random.Random], Iterable[tuple[int, int]]]


def addition_families(width: int, most: int = 64, seed: int = 0) -> dict[str, Pairs]:
    """Return families of operand pairs on which adders fail even if they pass all random tests.

    Numbers have at most ``width`` bits. Each family has at most ``most`` pairs, spaced evenly over the whole family.
    Random numbers depend on ``seed``.

    Raises:
        UserError: ``width`` is below 4 or ``most`` is below 1.
    """
    return _choose(_ADDITION, width, most, seed)


def multiplication_families(width: int, most: int = 64, seed: int = 0) -> dict[str, Pairs]:
    """Return families of operand pairs for multiplication, as :func:`addition_families` does for addition."""
    return _choose(_MULTIPLICATION, width, most, seed)


def _choose(families: dict[str, _Family], width: int, most: int, seed: int) -> dict[str, Pairs]:
    if width < 4 or most < 1:
        raise UserError(f"width={width} and most={most}: choose a width of at least 4 bits and at least 1 pair")
    return {
        name: _spread(list(dict.fromkeys(family(width, random.Random(f"{seed} {name} {width}")))), most)
        for name, family in families.items()
    }


def _spread(pairs: Pairs, most: int) -> Pairs:
    if len(pairs) <= most:
        return pairs
    return [pairs[i * (len(pairs) - 1) // max(1, most - 1)] for i in range(most)]


def _ones(count: int) -> int:
    return (1 << count) - 1


def _periodic(pattern: int, period: int, width: int) -> int:
    """Repeat ``pattern`` with period ``period`` bits and cut it to ``width`` bits."""
    return sum(pattern << at for at in range(0, width, period)) & _ones(width)


def _both(pairs: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    for a, b in pairs:
        yield from ((a, b), (b, a))


def _ripples(width: int, draw: random.Random) -> Iterator[tuple[int, int]]:
    """2^c - 1 plus 1, shifted to the bottom, the middle and the top."""
    for run in range(1, width + 1):
        for at in dict.fromkeys((0, (width - run) // 2, width - run)):
            yield _ones(run) << at, 1 << at


def _overflows(width: int, draw: random.Random) -> Iterator[tuple[int, int]]:
    for carry in range(1, width + 1):
        a = draw.randint(1, _ones(carry))
        yield a, (1 << carry) - a


def _propagations(width: int, draw: random.Random) -> Iterator[tuple[int, int]]:
    for carry in range(1, width + 1):
        a = draw.randint(0, _ones(carry))
        yield a, _ones(carry) - a


def _alternations(width: int, draw: random.Random) -> Iterator[tuple[int, int]]:
    """0101... + 1010..., without a carry and with a carry from the lowest bit."""
    odd, even = _periodic(1, 2, width), _periodic(2, 2, width)
    yield from _both([(odd, even), (odd, even | 1), (odd | 2, even)])


def _all_ones(width: int, draw: random.Random) -> Iterator[tuple[int, int]]:
    yield _ones(width), _ones(width)


def _with_zero(width: int, draw: random.Random) -> Iterator[tuple[int, int]]:
    yield 0, 0
    yield from _both((0, draw.getrandbits(width)) for _ in range(8))


def _doubles(width: int, draw: random.Random) -> Iterator[tuple[int, int]]:
    for _ in range(8):
        number = draw.getrandbits(width)
        yield number, number


def _separate_chains(width: int, draw: random.Random) -> Iterator[tuple[int, int]]:
    """Two or three carry chains, one to three positions apart, that fill the width."""
    for chains, gap in itertools.product((2, 3), (1, 2, 3)):
        length = (width - gap * (chains - 1)) // chains
        if length >= 1:
            starts = [i * (length + gap) for i in range(chains)]
            yield sum(_ones(length) << at for at in starts), sum(1 << at for at in starts)


def _small(width: int, draw: random.Random) -> Iterator[tuple[int, int]]:
    """Numbers of at most four bits."""
    yield from itertools.product(range(16), range(16))


def _long_runs(width: int, draw: random.Random) -> Iterator[tuple[int, int]]:
    """Runs of equal bits; the lengths are random with a mean of a quarter of the width."""
    for _ in range(32):
        yield _blocks(width, draw), _blocks(width, draw)


def _blocks(width: int, draw: random.Random) -> int:
    number, at, bit = 0, 0, draw.getrandbits(1)
    while at < width:
        length = 1 + int(draw.expovariate(4 / width))
        number |= (_ones(length) if bit else 0) << at
        at, bit = at + length, 1 - bit
    return number & _ones(width)


def _powers(width: int, draw: random.Random) -> Iterator[tuple[int, int]]:
    yield from ((1 << i, 1 << j) for i, j in itertools.product(range(width), repeat=2))


def _small_products(width: int, draw: random.Random) -> Iterator[tuple[int, int]]:
    """Products of numbers from 2 to 15, with many leading zeros."""
    yield from itertools.product(range(2, 16), range(2, 16))


def _largest(width: int, draw: random.Random) -> Iterator[tuple[int, int]]:
    top = _ones(width)
    yield top, top
    yield from _both((top, 1 << i) for i in range(width))


def _squares(width: int, draw: random.Random) -> Iterator[tuple[int, int]]:
    for _ in range(32):
        number = draw.getrandbits(width)
        yield number, number


def _mirrored(width: int, draw: random.Random) -> Iterator[tuple[int, int]]:
    for _ in range(32):
        number = draw.getrandbits(width)
        yield number, int(f"{number:0{width}b}"[::-1], 2)


def _patterns(width: int, draw: random.Random) -> Iterator[tuple[int, int]]:
    kinds = [_periodic(p, n, width) for p, n in ((1, 2), (2, 2), (3, 4), (12, 4), (1, 3), (7, 8))]
    yield from itertools.product(kinds, kinds)


def _trivial(width: int, draw: random.Random) -> Iterator[tuple[int, int]]:
    """0 · x and 1 · x, in both orders."""
    for _ in range(8):
        number = draw.getrandbits(width)
        yield from _both([(0, number), (1, number)])


_ADDITION: dict[str, _Family] = {
    "ripple": _ripples,
    "overflow": _overflows,
    "no overflow": _propagations,
    "alternating": _alternations,
    "all ones": _all_ones,
    "with zero": _with_zero,
    "x + x": _doubles,
    "separate chains": _separate_chains,
    "small in a wide field": _small,
    "long runs": _long_runs,
}

_MULTIPLICATION: dict[str, _Family] = {
    "powers of two": _powers,
    "small in a wide field": _small_products,
    "largest": _largest,
    "squares": _squares,
    "mirrored": _mirrored,
    "periodic": _patterns,
    "long runs": _long_runs,
    "zero and one": _trivial,
}
