"""Problems: solve a linear equation in one unknown."""

from random import Random

from extrapolate.tasks.mathematics.problem import Problem
from extrapolate.tasks.mathematics.random_numbers import whole
from extrapolate.tasks.mathematics.terms import LETTERS, Term, apart, format_terms


def linear_1d(rng: Random, entropy: float) -> Problem:
    """Sample a problem: ``Solve 24 = 1601*c - 1605*c for c.`` gives ``-6``.

    The solution is an integer and has a quarter of the entropy. The rest is shared by the coefficient of the unknown
    and by the terms into which this coefficient and the constant are split. Each term is on a random side of the
    equation, terms with the unknown first. A term may be zero.
    """
    of_solution = max(1.0, entropy / 4)
    entropy = max(1.0, entropy - of_solution)
    solution = whole(rng, of_solution)
    of_factor = rng.uniform(1 / 3, 2 / 3) * entropy
    factor = whole(rng, max(1.0, of_factor), least=1)
    coefficients = (-factor * solution, factor)
    fewest = sum(each != 0 for each in coefficients) + 1
    count = rng.randint(fewest, max(fewest, 1 + int(1 + entropy / 2)))
    constants, factors = apart(rng, coefficients, count, entropy - of_factor)
    left: list[Term] = []
    right: list[Term] = []
    for power, numbers in ((1, factors), (0, constants)):
        for number in numbers:
            if rng.random() < 0.5:
                left.append(((power,), number))
            else:
                right.append(((power,), -number))
    letter = rng.choice(LETTERS)
    return Problem(f"Solve {format_terms(left, letter)} = {format_terms(right, letter)} for {letter}.", str(solution))
