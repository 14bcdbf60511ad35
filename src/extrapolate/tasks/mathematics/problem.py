"""A question and its answer as text."""

from typing import NamedTuple

DIFFICULTIES = ("easy", "medium", "hard")


class Problem(NamedTuple):
    """A problem, such as ``Problem("What is 3 plus -5?", "-2")``. A right answer has exactly these characters."""

    question: str
    answer: str
