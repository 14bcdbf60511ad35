"""The kinds of problems and their difficulties."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from extrapolate._runtime.errors import unknown_name_error
from extrapolate.tasks.mathematics.add_or_sub import add_or_sub
from extrapolate.tasks.mathematics.collect import collect
from extrapolate.tasks.mathematics.differentiate import differentiate
from extrapolate.tasks.mathematics.linear_1d import linear_1d
from extrapolate.tasks.mathematics.problem import DIFFICULTIES, Problem
from extrapolate.tasks.mathematics.sort import sort

LONGEST_QUESTION = 160
LONGEST_ANSWER = 30


@dataclass(frozen=True)
class Module:
    """A kind of problem, after the Mathematics Dataset (Saxton et al. 2019, arXiv 1904.01557).

    The entropy of a problem is the decimal logarithm of the approximate number of possible problems. It determines
    the number of digits and of terms. Easy, medium and hard are the thirds of the entropy range.

    The published generator has the same ranges, entropy shares, notation and length limits (160 characters for a
    question, 30 for an answer). There are two differences: a module here has only some of the phrasings, and the
    distribution of the denominators of fractions is slightly different.

    Attributes:
        title: a short description.
        area: part of mathematics, the first half of the published file name.
        draw: function that samples a problem with an entropy.
        entropy: smallest and largest entropy.
    """

    name: str
    title: str
    area: str
    draw: Callable[[Random, float], Problem]
    entropy: tuple[float, float] = (3.0, 10.0)

    @property
    def file(self) -> str:
        """Name of the published files of this module."""
        return f"{self.area}__{self.name}.txt"

    def entropies(self, difficulty: str) -> tuple[float, float]:
        """Return the smallest and the largest entropy of a difficulty.

        Raises:
            UserError: ``difficulty`` is not in ``DIFFICULTIES``.
        """
        if difficulty not in DIFFICULTIES:
            raise unknown_name_error("difficulty", difficulty, DIFFICULTIES)
        low, high = self.entropy
        step = (high - low) / len(DIFFICULTIES)
        level = DIFFICULTIES.index(difficulty)
        return low + level * step, low + (level + 1) * step

    def problem(self, difficulty: str, rng: Random) -> Problem:
        """Sample a problem within the length limits.

        Raises:
            UserError: ``difficulty`` is not in ``DIFFICULTIES``.
        """
        low, high = self.entropies(difficulty)
        while True:
            problem = self.draw(rng, rng.uniform(low, high))
            if len(problem.question) <= LONGEST_QUESTION and len(problem.answer) <= LONGEST_ANSWER:
                return problem


MODULES: dict[str, Module] = {
    each.name: each
    for each in (
        Module("add_or_sub", "adding or subtracting two numbers", "arithmetic", add_or_sub, (4.0, 16.0)),
        Module("linear_1d", "solving an equation in one unknown", "algebra", linear_1d),
        Module("differentiate", "differentiating a polynomial", "calculus", differentiate),
        Module("sort", "sorting numbers", "comparison", sort),
        Module("collect", "collecting the terms of a polynomial", "polynomials", collect),
    )
}


def get_module(name: str) -> Module:
    """Return the module of this name from ``MODULES``.

    Raises:
        UserError: the name is unknown.
    """
    if name not in MODULES:
        raise unknown_name_error("module", name, list(MODULES))
    return MODULES[name]
