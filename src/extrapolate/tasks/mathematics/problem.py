"""A question and its answer, as they are written."""

from typing import NamedTuple

DIFFICULTIES = ("easy", "medium", "hard")


class Problem(NamedTuple):
    """``Problem("What is 3 plus -5?", "-2")``: an answer is right when it is these characters and no others."""

    question: str
    answer: str
