"""Problems: sort numbers."""

from random import Random

from extrapolate.tasks.mathematics.problem import Problem
from extrapolate.tasks.mathematics.random_numbers import Number, decimal, fraction, integer, split_total

_UP = (
    "Sort {numbers} in ascending order.",
    "Put {numbers} in increasing order.",
    "Sort {numbers}.",
)
_DOWN = ("Sort {numbers} in descending order.", "Put {numbers} in decreasing order.")


def sort(rng: Random, entropy: float) -> Problem:
    """Sample a problem: ``Sort 3, -1/2, 0.4 in descending order.`` gives ``3, 0.4, -1/2``.

    There are from 3 to 3 + entropy / 2 different numbers. In half of the problems all are integers. In the others, on
    average, half are integers, a quarter are decimals and a quarter are fractions.
    """
    count = 3 + rng.randint(0, int(entropy / 2))
    kinds = (integer,) if rng.random() < 0.5 else (integer, integer, decimal, fraction)
    numbers: list[Number] = []
    while len({number.value for number in numbers}) < count:
        parts = split_total(rng, entropy, [1.0] * count)
        numbers = [rng.choice(kinds)(rng, max(1.0, part)) for part in parts]
    down = rng.random() < 0.5
    ordered = sorted(numbers, key=lambda number: number.value, reverse=down)
    question = rng.choice(_DOWN if down else _UP).format(numbers=_join(numbers))
    return Problem(question, _join(ordered))


def _join(values: list[Number]) -> str:
    return ", ".join(number.text for number in values)
