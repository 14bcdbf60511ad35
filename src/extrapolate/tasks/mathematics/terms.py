"""Polynomials with integer coefficients: sampling, splitting into terms, and notation."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import ceil, log10, prod
from random import Random

from extrapolate.tasks.mathematics.random_numbers import split_total, whole

#: The exponent of each letter: (2, 1) is x²y.
Powers = tuple[int, ...]
Polynomial = dict[Powers, int]
Term = tuple[Powers, int]

#: All letters except e, the name of a constant.
LETTERS = "abcdfghijklmnopqrstuvwxyz"


def polynomial(rng: Random, degrees: Sequence[int], entropy: float) -> Polynomial:
    """Sample a polynomial with nonzero coefficients in which letter i has exactly the degree ``degrees[i]``."""

    def powers() -> list[int]:
        return [rng.randint(0, degree) for degree in degrees]

    found: dict[Powers, None] = {}  # an ordered set
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
    """Split coefficients into ``count`` integers in total: list i sums to ``coefficients[i]``.

    A coefficient of 0 becomes no number or several; any other becomes at least one. At least one coefficient must
    be nonzero, and ``count`` must be at least the number of nonzero coefficients.
    """
    counts = _counts(rng, coefficients, count)
    extra = [float(max(0, each - 1)) for each in counts]
    parts = split_total(rng, entropy, extra) if any(extra) else extra
    return [_summing(rng, *each) for each in zip(coefficients, counts, parts, strict=True)]


def _counts(rng: Random, coefficients: Sequence[int], count: int) -> list[int]:
    counts = [int(each != 0) for each in coefficients]
    # every distribution of the other numbers is equally likely ("stars and bars")
    others = count - sum(counts)
    bars = sorted(rng.sample(range(others + len(counts) - 1), len(counts) - 1))
    edges = [-1, *bars, others + len(counts) - 1]
    for index, (left, right) in enumerate(pairwise(edges)):
        counts[index] += right - left - 1
    # move single numbers of zero coefficients elsewhere, because they could only be 0
    while single := [index for index, each in enumerate(coefficients) if each == 0 and counts[index] == 1]:
        source = rng.choice(single)
        target = rng.choice([index for index, each in enumerate(counts) if each and index != source])
        counts[source] -= 1
        counts[target] += 1
    return counts


def _summing(rng: Random, total: int, count: int, entropy: float) -> list[int]:
    """Sample ``count`` numbers, then shift each by about the same amount so that they sum to ``total``."""
    if count < 2:
        return [total] * count
    least = max(1.0, log10(5 * abs(ceil(total / count)) + 1))
    # one of the numbers follows from the others
    parts = split_total(rng, entropy * count / (count - 1), [1.0] * count)
    values = [whole(rng, max(least, part)) for part in parts]
    missing = total - sum(values)
    summing = [each + (missing + index) // count for index, each in enumerate(values)]
    rng.shuffle(summing)
    return summing


def simplify(coefficients: Polynomial, letters: Sequence[str]) -> str:
    """Format a polynomial with the highest powers first, sorted by the first letter, then the second, and so on.

    So ``-x + 24`` is never ``24 - x``.

    Args:
        coefficients: coefficients by powers.
        letters: the letters in alphabetical order.

    >>> simplify({(0, 2): 4, (2, 1): -1, (0, 0): 3}, "xy")
    '-x**2*y + 4*y**2 + 3'
    """
    return format_terms(sorted(coefficients.items(), reverse=True), letters)


def format_terms(terms: Iterable[Term], letters: Sequence[str]) -> str:
    """Format terms in their order, such as ``-x**2 + 3*x + 0*x - 1``; return ``0`` if there are none."""
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
