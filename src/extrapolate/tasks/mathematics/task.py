"""The problems of one module as a task."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from extrapolate.tasks.mathematics.problem import DIFFICULTIES, Problem
from extrapolate.tasks.mathematics.sources import Split
from extrapolate.tasks.mathematics.vocabulary import Vocabulary
from extrapolate.tasks.token_rows import TokenRows

#: Training problems of the split ``validation``.
VALIDATED = 1_000

#: Problems whose tokens are made at once, in int64 first.
_AT_ONCE = 100_000


@dataclass(frozen=True, eq=False)
class Mathematics:
    """Questions and answers character by character: ``What is 3 plus -5?`` gives ``-2`` and the end mark.

    Made by :meth:`of`. Tokens are kept in a byte each; the problems' text is not kept.

    Attributes:
        training: problems of all difficulties, the easy ones first.
        easy: how many these are.
        test: problems that are not trained on, by difficulty.
    """

    vocabulary: Vocabulary
    training: TokenRows
    easy: int
    test: Mapping[str, TokenRows]

    @classmethod
    def of(cls, split: Split) -> "Mathematics":
        """The task of a module's problems, as :class:`Generated` or :class:`Official` gives them.

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
        """Questions (batch, S) and answers (batch, T) of all difficulties, int64, padded to the longest."""
        return self.training.sample(batch, key)

    def splits(self) -> dict[str, tuple[Tensor, Tensor]]:
        """``validation``, some training problems, since the data hold none out; the test by difficulty.

        ``test_easy`` and ``test_medium``; ``test``, the hard ones, which have the largest numbers.
        """
        *easier, hardest = DIFFICULTIES
        return {
            "validation": self.training.spread(VALIDATED).tensors(),
            **{f"test_{each}": self.test[each].tensors() for each in easier},
            "test": self.test[hardest].tensors(),
        }

    def solved(self, prediction: Tensor, target: Tensor) -> Tensor:
        """bool (N,): whether all characters and the end of an answer, int64 (N, T), are right."""
        return self.vocabulary.right(prediction, target)
