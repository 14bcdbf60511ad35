"""Polynomials with whole coefficients: drawn, taken apart into more terms, and written."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import ceil, log10, prod
from random import Random

from extrapolate.tasks.mathematics.random_numbers import split_total, whole

#: The power of each letter: (2, 1) is x²y.
Powers = tuple[int, ...]
Polynomial = dict[Powers, int]
Term = tuple[Powers, int]

#: All but e, which is a number.
LETTERS = "abcdfghijklmnopqrstuvwxyz"


def polynomial(rng: Random, degrees: Sequence[int], entropy: float) -> Polynomial:
    """Coefficients other than 0, in which each letter has its degree of ``degrees`` at least once."""

    def powers() -> list[int]:
        return [rng.randint(0, degree) for degree in degrees]

    found: dict[Powers, None] = {}  # a set that keeps its order
    for letter, degree in enumerate(degrees):
        if degree:
            chosen = powers()
            chosen[letter] = degree
            found[tuple(chosen)] = None
    fewest = max(1, len(found))
    most = min(fewest + int(entropy / 2), prod(degree + 1 for degree in degrees))
    count = rng.randint(fewest, most)
    while len(found) < count:
        found[tuple(powers())] = None
    parts = split_total(rng, entropy, [1.0] * count)
    return {chosen: whole(rng, part, least=1) for chosen, part in zip(found, parts, strict=True)}


def apart(rng: Random, coefficients: Sequence[int], count: int, entropy: float) -> list[list[int]]:
    """``count`` whole numbers in as many lists as there are ``coefficients``, which they sum to.

    A coefficient of 0 has no number or several; another has at least one. So ``count`` must be at least the
    number of those that are not 0, of which there must be one.
    """
    counts = _counts(rng, coefficients, count)
    extra = [float(max(0, each - 1)) for each in counts]
    parts = split_total(rng, entropy, extra) if any(extra) else extra
    return [_summing(rng, *each) for each in zip(coefficients, counts, parts, strict=True)]


def _counts(rng: Random, coefficients: Sequence[int], count: int) -> list[int]:
    counts = [int(each != 0) for each in coefficients]
    # every way to share out the others is equally likely: these are the places of bars among stars
    others = count - sum(counts)
    bars = sorted(rng.sample(range(others + len(counts) - 1), len(counts) - 1))
    edges = [-1, *bars, others + len(counts) - 1]
    for place, (left, right) in enumerate(pairwise(edges)):
        counts[place] += right - left - 1
    # a single number cannot sum to 0 but by being it
    while lonely := [place for place, each in enumerate(coefficients) if each == 0 and counts[place] == 1]:
        giver = rng.choice(lonely)
        taker = rng.choice([place for place, each in enumerate(counts) if each and place != giver])
        counts[giver] -= 1
        counts[taker] += 1
    return counts


def _summing(rng: Random, total: int, count: int, entropy: float) -> list[int]:
    """``count`` random numbers, changed by about the same amount each so that they sum to ``total``."""
    if count < 2:
        return [total] * count
    least = max(1.0, log10(5 * abs(ceil(total / count)) + 1))
    # one of the numbers follows from the others
    parts = split_total(rng, entropy * count / (count - 1), [1.0] * count)
    drawn = [whole(rng, max(least, part)) for part in parts]
    missing = total - sum(drawn)
    summing = [each + (missing + place) // count for place, each in enumerate(drawn)]
    rng.shuffle(summing)
    return summing


def simplify(coefficients: Polynomial, letters: Sequence[str]) -> str:
    """Highest powers first, of the first letter before the second: ``-x + 24`` too, and never ``24 - x``.

    Args:
        letters: in alphabetical order.

    >>> simplified({(0, 2): 4, (2, 1): -1, (0, 0): 3}, "xy")
    '-x**2*y + 4*y**2 + 3'
    """
    return format_terms(sorted(coefficients.items(), reverse=True), letters)


def format_terms(terms: Iterable[Term], letters: Sequence[str]) -> str:
    """The terms one by one as they are: ``-x**2 + 3*x + 0*x - 1``; ``0`` where there are none."""
    text = ""
    for powers, coefficient in terms:
        signs = (" - ", " + ") if text else ("-", "")
        text += signs[coefficient >= 0] + _format_term(abs(coefficient), powers, letters)
    return text or "0"


def _format_term(size: int, powers: Powers, letters: Sequence[str]) -> str:
    factors = [
        letter if power == 1 else f"{letter}**{power}" for letter, power in zip(letters, powers, strict=True) if power
    ]
    return "*".join([str(size), *factors] if size != 1 or not factors else factors)
