"""The bAbI tasks: questions about short stories, as sequences of words (Weston et al. 2015, arXiv 1502.05698)."""

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from extrapolate import ops
from extrapolate._runtime.errors import UserError
from extrapolate.tasks.babi_files import Story, find_file, read_stories

#: All tasks.
BABI_TASKS = tuple(range(1, 21))

#: Tokens of nothing (no word, no answer asked, behind the end) and of a word that the training stories lack.
BLANK, UNKNOWN = 0, 1

#: Blank inputs between a question and its answer.
THINKING = 3

#: Training stories of the split ``validation``.
VALIDATED = 1_000


@dataclass(frozen=True, eq=False)
class Stories:
    """Stories as token sequences, one after another in memory: a story takes what it is long.

    Attributes:
        tokens: int16, what is read.
        answers: int16, at each place the word that is to be said there, ``BLANK`` where none is asked for.
        ends: int64 (N + 1,): story i has the places from ``ends[i]`` to ``ends[i + 1]``.
        tasks: int64 (N,): the task of each story.
    """

    tokens: Tensor
    answers: Tensor
    ends: Tensor
    tasks: Tensor

    def __len__(self) -> int:
        return len(self.tasks)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Tokens and answers of one story, int64 (T,)."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"place {index} of {len(self)} stories")
        start, end = self.ends[index % len(self) :][:2].tolist()
        return self.tokens[start:end].long(), self.answers[start:end].long()

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return (self[place] for place in range(len(self)))

    @property
    def lengths(self) -> Tensor:
        """int64 (N,)."""
        return self.ends.diff()

    def batch(self, indices: Tensor, width: int | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """The stories at ``places`` (B,): tokens (B, width), lengths (B,), answers (B, width), int64.

        Behind the end stands ``BLANK``. ``width``: by default that of the longest of these stories.
        """
        start = self.ends[indices]
        lengths = self.ends[indices + 1] - start
        step = torch.arange(int(lengths.max()) if width is None else width, device=indices.device)
        there = step < lengths[:, None]
        index = torch.where(there, start[:, None] + step, 0)
        tokens, answers = (torch.where(there, each[index].long(), BLANK) for each in (self.tokens, self.answers))
        return tokens, lengths, answers

    def to(self, device: torch.device | str) -> "Stories":
        return Stories(*(each.to(device) for each in (self.tokens, self.answers, self.ends, self.tasks)))


@dataclass(frozen=True, eq=False)
class Babi:
    """Read a story and answer the questions in it: after "mary went to the hall . where is mary ?", "hall".

    A sequence is a whole story with all its questions. A question is followed by ``THINKING`` blank inputs, then one
    for each word of the answer, which is to be said there; it is never fed back. All tasks share one vocabulary:
    that of the training stories, in the order of their words, behind ``BLANK`` and ``UNKNOWN``. Of all 20 tasks it
    has 160 tokens. Made by :func:`load_babi`.
    """

    vocabulary: tuple[str, ...] = field(repr=False)
    training: Stories = field(repr=False)
    test: Stories = field(repr=False)

    def to(self, device: torch.device | str) -> "Babi":
        return Babi(self.vocabulary, self.training.to(device), self.test.to(device))

    def sample(self, batch: int, key: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Training stories of all tasks: tokens (batch, T), lengths (batch,), answers (batch, T), int64.

        Padded to the longest of all (1,412 where task 3 is among them); :meth:`Stories.batch` pads to the longest
        of a batch.
        """
        places = (ops.uniform(key, (batch,)).double() * len(self.training)).long()
        return self.training.batch(places, self._longest)

    @cached_property
    def _longest(self) -> int:
        return int(self.training.lengths.max())

    def splits(self) -> dict[str, tuple[Tensor, Tensor, Tensor]]:
        """``validation``, some training stories, since the data hold none out; ``test``; ``test_N``, those of task N.

        Each is padded to its own longest story.
        """
        count = min(VALIDATED, len(self.training))
        every = torch.arange(len(self.test), device=self.test.ends.device)
        spread = torch.arange(count, device=every.device) * len(self.training) // count
        numbers = self.test.tasks.unique().tolist()
        return {
            "validation": self.training.batch(spread),
            **{f"test_{number}": self.test.batch((self.test.tasks == number).nonzero()[:, 0]) for number in numbers},
            "test": self.test.batch(every),
        }

    def solved(self, prediction: Tensor, target: Tensor) -> Tensor:
        """bool (N,): whether all answers to a story, int64 (N, T), are right; other places do not count."""
        return ((prediction == target) | (target == BLANK)).all(-1)


def load_babi(folder: Path, tasks: Sequence[int] = BABI_TASKS) -> Babi:
    """Read the official files of ``tasks`` in ``folder`` (``en-10k``: 10,000 training questions of each).

    Raises:
        UserError: an unknown task; a file is missing, truncated or damaged.
    """
    unknown = [task for task in tasks if task not in BABI_TASKS]
    if unknown or not tasks:
        raise UserError(f"tasks {', '.join(map(str, unknown)) or 'of bAbI'}: choose from 1 to {BABI_TASKS[-1]}")
    index = {"": BLANK, "<unk>": UNKNOWN}
    training = _read(folder, tasks, "train", lambda word: index.setdefault(word, len(index)))
    return Babi(tuple(index), training, _read(folder, tasks, "test", lambda word: index.get(word, UNKNOWN)))


def _read(folder: Path, tasks: Sequence[int], part: str, token: Callable[[str], int]) -> Stories:
    """All stories of a part; ``token`` gives a word's."""
    tokens, answers, ends, of_task = array("h"), array("h"), array("q", [0]), array("q")
    for task in tasks:
        for story in read_stories(find_file(folder, task, part)):
            _encode(story, token, tokens, answers)
            ends.append(len(tokens))
            of_task.append(task)
    return Stories(*(torch.from_numpy(np.array(each)) for each in (tokens, answers, ends, of_task)))


def _encode(story: Story, token: Callable[[str], int], tokens: "array[int]", answers: "array[int]") -> None:
    """Append the tokens of a story and the answers at their places."""
    for words, answer, _ in story:
        tokens.extend(map(token, words))
        if answer:
            tokens.extend([BLANK] * (THINKING + len(answer)))
            answers.extend([BLANK] * (len(words) + THINKING))
            answers.extend(map(token, answer))
        else:
            answers.extend([BLANK] * len(words))
