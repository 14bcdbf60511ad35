"""The kinds of problems there are, and how hard they get."""

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
    """A kind of problems, after the Mathematics Dataset (Saxton et al. 2019, arXiv 1904.01557).

    A problem's entropy is the decimal logarithm of about how many problems there could be; it goes into how many
    digits its numbers have and how many terms there are. Easy, medium and hard are the thirds of its range.

    As in the published generator are the ranges, how a problem shares its entropy out, how it is written, and that
    questions above 160 characters and answers above 30 are left out. Other than there, a module has some of
    the phrasings, and the denominators of fractions are drawn a little differently.

    Attributes:
        title: what it asks for, in words.
        area: the part of mathematics, the first half of the published file's name.
        draw: a problem of an entropy.
        entropy: from the least of the easy to the most of the hard.
    """

    name: str
    title: str
    area: str
    draw: Callable[[Random, float], Problem]
    entropy: tuple[float, float] = (3.0, 10.0)

    @property
    def file(self) -> str:
        """The name of the published files with its problems."""
        return f"{self.area}__{self.name}.txt"

    def entropies(self, difficulty: str) -> tuple[float, float]:
        """The least and the most of a difficulty.

        Raises:
            UserError: a difficulty that is not in ``DIFFICULTIES``.
        """
        if difficulty not in DIFFICULTIES:
            raise unknown_name_error("difficulty", difficulty, DIFFICULTIES)
        low, high = self.entropy
        step = (high - low) / len(DIFFICULTIES)
        level = DIFFICULTIES.index(difficulty)
        return low + level * step, low + (level + 1) * step

    def problem(self, difficulty: str, rng: Random) -> Problem:
        """One at random, not too long.

        Raises:
            UserError: a difficulty that is not in ``DIFFICULTIES``.
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
    """One of ``MODULES``.

    Raises:
        UserError: there is none of this name.
    """
    if name not in MODULES:
        raise unknown_name_error("module", name, list(MODULES))
    return MODULES[name]
