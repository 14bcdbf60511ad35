"""Problems: differentiate a polynomial up to three times."""

from math import log10, perm
from random import Random

from extrapolate.tasks.mathematics.problem import Problem
from extrapolate.tasks.mathematics.terms import LETTERS, Polynomial, polynomial, simplify

_ORDINALS = {1: "first", 2: "second", 3: "third"}
_ANY = ("Find the {nth} derivative of {f} wrt {x}.", "What is the {nth} derivative of {f} wrt {x}?")
_FIRST = ("Differentiate {f} with respect to {x}.", "What is the derivative of {f} wrt {x}?")
_ONE_LETTER = ("Find the {nth} derivative of {f}.", "What is the {nth} derivative of {f}?")
_FIRST_ONE_LETTER = ("Differentiate {f}.", "What is the derivative of {f}?")


def differentiate(rng: Random, entropy: float) -> Problem:
    """Sample a problem: ``Find the second derivative of 2*x**3*y - 7*x wrt x.`` gives ``12*x*y``.

    The polynomial has one to four letters. With one letter, the question may omit it. Some terms vanish and some
    do not.
    """
    order, count = rng.randint(1, 3), rng.randint(1, 4)
    entropy -= log10(3)
    own = rng.randrange(count)
    degrees = [rng.randint(1, 3) for _ in range(count)]
    degrees[own] = rng.randint(0, 3)
    staying = _raise_power(polynomial(rng, degrees, entropy), own, order)
    degrees[own] = order - 1
    vanishing = polynomial(rng, degrees, entropy)
    letters = sorted(rng.sample(LETTERS, count))
    templates = _ANY + (_FIRST if order == 1 else ())
    if count == 1:
        templates += _ONE_LETTER + (_FIRST_ONE_LETTER if order == 1 else ())
    question = rng.choice(templates).format(
        nth=_ORDINALS[order], f=simplify(staying | vanishing, letters), x=letters[own]
    )
    derivative = {powers: number * perm(powers[own], order) for powers, number in staying.items()}
    return Problem(question, simplify(_raise_power(derivative, own, -order), letters))


def _raise_power(coefficients: Polynomial, letter: int, by: int) -> Polynomial:
    """Multiply by the power ``by`` of one letter."""
    return {
        (*powers[:letter], powers[letter] + by, *powers[letter + 1 :]): number
        for powers, number in coefficients.items()
    }
