"""Problems as sequences of tokens, one per character."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from extrapolate._runtime.errors import UserError
from extrapolate.tasks.mathematics.problem import Problem


@dataclass(frozen=True)
class Vocabulary:
    """The tokens of the characters of questions and answers. The first character has token 2, after two marks.

    Args:
        characters: sorted and without duplicates.

    Raises:
        ValueError: the characters are empty, not sorted or not unique.
    """

    #: Padding after the end of a sequence.
    pad = 0

    #: End mark of an answer.
    end = 1

    characters: str

    def __post_init__(self) -> None:
        if not self.characters or list(self.characters) != sorted(set(self.characters)):
            raise ValueError(f"characters must be sorted and unique, got {self.characters!r}")

    @classmethod
    def of(cls, problems: Iterable[Problem]) -> "Vocabulary":
        """Return the vocabulary of all characters of ``problems``."""
        found: set[str] = set()
        for problem in problems:
            found.update(problem.question, problem.answer)
        return cls("".join(sorted(found)))

    @property
    def _first(self) -> int:
        return self.end + 1

    @property
    def size(self) -> int:
        """Number of tokens, the two marks included."""
        return self._first + len(self.characters)

    def encode(self, problems: Sequence[Problem]) -> tuple[Tensor, Tensor]:
        """Return questions (N, longest question) and answers (N, longest answer + 1), int64, padded with ``pad``.

        Only answers have an end mark, ``end``.

        Raises:
            UserError: a character is not in the vocabulary.
        """
        questions, lengths = self._tokens([problem.question for problem in problems], 0)
        answers, ends = self._tokens([problem.answer for problem in problems], 1)
        index = np.arange(questions.shape[1])
        questions[index >= lengths[:, None]] = self.pad
        index = np.arange(answers.shape[1])
        answers[index > ends[:, None]] = self.pad
        answers[index == ends[:, None]] = self.end
        return torch.from_numpy(questions), torch.from_numpy(answers)

    def _tokens(self, texts: Sequence[str], marks: int) -> tuple[np.ndarray, np.ndarray]:
        """Return tokens (N, longest + marks) and lengths (N,); the token after the end is arbitrary."""
        lengths = np.array([len(text) for text in texts], np.int64)
        width = int(lengths.max(initial=0)) + marks
        joined = "".join(text.ljust(width, self.characters[0]) for text in texts)
        codes, known = _codes(joined), _codes(self.characters)
        table = np.zeros(int(known[-1]) + 2, np.int64)  # the last entry is for all larger codes
        table[known] = np.arange(self._first, self.size)
        tokens = table[np.minimum(codes, len(table) - 1)]
        if not tokens.all():
            character = joined[int((tokens == 0).argmax())]
            raise UserError(f"the vocabulary lacks {character!r}: create it from all problems that you encode")
        return tokens.reshape(len(texts), width), lengths

    def text(self, tokens: Tensor) -> str:
        """Return the text of tokens (T,) before the first mark."""
        characters = []
        for token in tokens.tolist():
            if token in (self.pad, self.end):
                break
            characters.append(self.characters[token - self._first])
        return "".join(characters)

    def right(self, outputs: Tensor, answers: Tensor) -> Tensor:
        """Return whether the characters and end marks of ``outputs`` (..., T) match ``answers`` (..., T): bool (...).

        Outputs after the end mark are ignored.
        """
        return ((outputs == answers) | (answers == self.pad)).all(-1)


def _codes(text: str) -> np.ndarray:
    return np.array([text]).view(np.uint32)[: len(text)]
