"""The task of the problems of one module."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from extrapolate.tasks.mathematics.problem import DIFFICULTIES, Problem
from extrapolate.tasks.mathematics.sources import Split
from extrapolate.tasks.mathematics.vocabulary import Vocabulary
from extrapolate.tasks.token_rows import TokenRows

#: Number of training problems in the split ``validation``.
VALIDATED = 1_000

#: Problems encoded per chunk (limits memory, because the encoding uses int64).
_AT_ONCE = 100_000


@dataclass(frozen=True, eq=False)
class Mathematics:
    """Answer questions character by character: ``What is 3 plus -5?`` gives ``-2`` and the end mark.

    :meth:`of` returns such a task. It stores one byte per token, and not the text of the problems.

    Attributes:
        vocabulary: the characters.
        training: training problems of all difficulties, the easy ones first.
        easy: number of easy training problems.
        test: test problems by difficulty.
    """

    vocabulary: Vocabulary
    training: TokenRows
    easy: int
    test: Mapping[str, TokenRows]

    @classmethod
    def of(cls, split: Split) -> "Mathematics":
        """Return the task of the problems of a module, from :class:`Generated` or :class:`Official`.

        >>> from extrapolate.tasks.mathematics import Generated
        >>> task = Mathematics.of(Generated(training_count=20, test_count=5).split("sort"))
        >>> len(task.training), task.easy, list(task.splits())
        (60, 20, ['validation', 'test_easy', 'test_medium', 'test'])
        """
        vocabulary = split.vocabulary

        def rows(problems: list[Problem]) -> TokenRows:
            starts = range(0, len(problems), _AT_ONCE)
            parts = (vocabulary.encode(problems[start : start + _AT_ONCE]) for start in starts)
            return TokenRows.of(parts, vocabulary.pad)

        every = rows([problem for each in DIFFICULTIES for problem in split.training[each]])
        test = {each: rows(split.test[each]) for each in DIFFICULTIES}
        return cls(vocabulary, every, len(split.training[DIFFICULTIES[0]]), test)

    def to(self, device: torch.device | str) -> "Mathematics":
        test = {difficulty: rows.to(device) for difficulty, rows in self.test.items()}
        return Mathematics(self.vocabulary, self.training.to(device), self.easy, test)

    def sample(self, batch: int, key: Tensor) -> tuple[Tensor, Tensor]:
        """Sample questions (batch, S) and answers (batch, T) of all difficulties, int64, padded to the longest."""
        return self.training.sample(batch, key)

    def splits(self) -> dict[str, tuple[Tensor, Tensor]]:
        """Return ``validation``, ``test_easy``, ``test_medium`` and ``test`` (the hard problems).

        ``validation`` is a part of the training problems, because the data have no validation set.
        """
        *easier, hardest = DIFFICULTIES
        return {
            "validation": self.training.spread(VALIDATED).tensors(),
            **{f"test_{each}": self.test[each].tensors() for each in easier},
            "test": self.test[hardest].tensors(),
        }

    def solved(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return whether all characters and the end mark of an answer, int64 (N, T), are right: bool (N,)."""
        return self.vocabulary.right(prediction, target)
