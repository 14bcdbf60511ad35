"""Problems: collect the terms of a polynomial."""

from math import ceil
from random import Random

from extrapolate.tasks.mathematics.problem import Problem
from extrapolate.tasks.mathematics.random_numbers import split_total
from extrapolate.tasks.mathematics.terms import LETTERS, apart, format_terms, polynomial, simplify


def collect(rng: Random, entropy: float) -> Problem:
    """Sample a problem: ``Collect the terms in 2*x + x**2 - 5 - 7*x.`` gives ``x**2 - 5*x - 5``.

    The answer is a polynomial in one letter, of degree 1 to 3. Each coefficient is split into several terms. Terms
    may be zero, and the terms of a power that is not in the answer cancel.
    """
    of_answer, entropy = split_total(rng, entropy, (2.0, 3.0))
    answer = polynomial(rng, [rng.randint(1, 3)], of_answer)
    powers = [(power,) for power in range(max(answer)[0] + 1)]
    count = len(answer) + 2 + rng.randint(0, ceil(entropy) // 2)
    numbers = apart(rng, [answer.get(each, 0) for each in powers], count, entropy)
    terms = [(each, number) for each, own in zip(powers, numbers, strict=True) for number in own]
    rng.shuffle(terms)
    letter = rng.choice(LETTERS)
    return Problem(f"Collect the terms in {format_terms(terms, letter)}.", simplify(answer, letter))
