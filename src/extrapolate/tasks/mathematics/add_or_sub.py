"""Problems: add or subtract two numbers."""

from random import Random

from extrapolate.tasks.mathematics.problem import Problem
from extrapolate.tasks.mathematics.random_numbers import Number, decimal, in_decimals, integer

_SUMS = (
    "{p} + {q}",
    "Work out {p} + {q}.",
    "Calculate {p} + {q}.",
    "Add {p} and {q}.",
    "What is {p} plus {q}?",
    "What is {p} + {q}?",
)
_DIFFERENCES = (
    "{p} - {q}",
    "Work out {p} - {q}.",
    "Calculate {p} - {q}.",
    "Subtract {q} from {p}.",
    "What is {p} minus {q}?",
    "What is {p} - {q}?",
)
_DISTANCE = "What is the difference between {p} and {q}?"


def add_or_sub(rng: Random, entropy: float) -> Problem:
    """Sample a problem: ``Subtract -0.3 from 12.`` gives ``12.3``.

    ``What is the difference between 3 and 5?`` gives ``2``. Each number is an integer or a decimal, equally likely.
    The numbers share the entropy; each has at least 1.
    """
    first = max(1.0, rng.uniform(0, entropy))
    p, q = (_number(rng, part) for part in (first, max(1.0, entropy - first)))
    if rng.random() < 0.5:
        template, answer = rng.choice(_SUMS), p.value + q.value
    else:
        template, answer = rng.choice([*_DIFFERENCES, _DISTANCE]), p.value - q.value
    if template == _DISTANCE:
        answer = abs(answer)
    return Problem(template.format(p=p.text, q=q.text), in_decimals(answer))


def _number(rng: Random, entropy: float) -> Number:
    return rng.choice((integer, decimal))(rng, entropy)
