"""Problems as sequences of numbers, one a character."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from extrapolate._runtime.errors import UserError
from extrapolate.tasks.mathematics.problem import Problem


@dataclass(frozen=True)
class Vocabulary:
    """The characters of questions and answers, each with its token: the first in order is 2, behind the two marks.

    Args:
        characters: in order, and none of them twice.

    Raises:
        ValueError: they are not.
    """

    #: Stands behind the end of a sequence that is shorter than others.
    pad = 0

    #: Ends an answer.
    end = 1

    characters: str

    def __post_init__(self) -> None:
        if not self.characters or list(self.characters) != sorted(set(self.characters)):
            raise ValueError(f"characters must be in order and none twice, got {self.characters!r}")

    @classmethod
    def of(cls, problems: Iterable[Problem]) -> "Vocabulary":
        """All characters of some problems."""
        found: set[str] = set()
        for problem in problems:
            found.update(problem.question, problem.answer)
        return cls("".join(sorted(found)))

    @property
    def _first(self) -> int:
        return self.end + 1

    @property
    def size(self) -> int:
        """How many tokens there are, the two marks among them."""
        return self._first + len(self.characters)

    def encode(self, problems: Sequence[Problem]) -> tuple[Tensor, Tensor]:
        """Questions (N, longest question) and answers (N, longest answer + 1), int64.

        An answer ends with ``end``; behind the end of either stands ``pad``.

        Raises:
            UserError: a character is not in the vocabulary.
        """
        questions, lengths = self._tokens([problem.question for problem in problems], 0)
        answers, ends = self._tokens([problem.answer for problem in problems], 1)
        place = np.arange(questions.shape[1])
        questions[place >= lengths[:, None]] = self.pad
        place = np.arange(answers.shape[1])
        answers[place > ends[:, None]] = self.pad
        answers[place == ends[:, None]] = self.end
        return torch.from_numpy(questions), torch.from_numpy(answers)

    def _tokens(self, texts: Sequence[str], marks: int) -> tuple[np.ndarray, np.ndarray]:
        """Tokens (N, longest + marks), filled up with any character's, and lengths (N,): all texts at once."""
        lengths = np.array([len(text) for text in texts], np.int64)
        width = int(lengths.max(initial=0)) + marks
        joined = "".join(text.ljust(width, self.characters[0]) for text in texts)
        codes, known = _codes(joined), _codes(self.characters)
        table = np.zeros(int(known[-1]) + 2, np.int64)  # its last place: every character behind the known ones
        table[known] = np.arange(self._first, self.size)
        tokens = table[np.minimum(codes, len(table) - 1)]
        if not tokens.all():
            character = joined[int((tokens == 0).argmax())]
            raise UserError(
                f"the vocabulary lacks {character!r}: make it of all problems that are to be written in it"
            )
        return tokens.reshape(len(texts), width), lengths

    def text(self, tokens: Tensor) -> str:
        """What tokens (T,) say up to the first mark."""
        said = []
        for token in tokens.tolist():
            if token in (self.pad, self.end):
                break
            said.append(self.characters[token - self._first])
        return "".join(said)

    def right(self, outputs: Tensor, answers: Tensor) -> Tensor:
        """bool (...): whether ``written`` (..., T) are the characters of ``answers`` (..., T) and end where they do.

        What is written behind the end does not count.
        """
        return ((outputs == answers) | (answers == self.pad)).all(-1)


def _codes(text: str) -> np.ndarray:
    return np.array([text]).view(np.uint32)[: len(text)]
