"""The bAbI tasks: questions about short stories, as word sequences (Weston et al. 2015, arXiv 1502.05698)."""

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

#: Numbers of all tasks.
BABI_TASKS = tuple(range(1, 21))

#: Token for no word, no answer and padding; token of a word that is not in the training stories.
BLANK, UNKNOWN = 0, 1

#: Number of blank inputs between a question and its answer.
THINKING = 3

#: Number of training stories in the split ``validation``.
VALIDATED = 1_000


@dataclass(frozen=True, eq=False)
class Stories:
    """Stories as concatenated token sequences, without padding.

    Attributes:
        tokens: input tokens, int16.
        answers: target token of each position, int16; ``BLANK`` where there is no target.
        ends: int64 (N + 1,); story i has the positions from ``ends[i]`` to ``ends[i + 1]``.
        tasks: task number of each story, int64 (N,).
    """

    tokens: Tensor
    answers: Tensor
    ends: Tensor
    tasks: Tensor

    def __len__(self) -> int:
        return len(self.tasks)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Return the tokens and the answers of one story, int64 (T,) each."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"index {index} is out of range: there are {len(self)} stories")
        start, end = self.ends[index % len(self) :][:2].tolist()
        return self.tokens[start:end].long(), self.answers[start:end].long()

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return (self[index] for index in range(len(self)))

    @property
    def lengths(self) -> Tensor:
        """Number of tokens of each story, int64 (N,)."""
        return self.ends.diff()

    def batch(self, indices: Tensor, width: int | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Return tokens (B, width), lengths (B,) and answers (B, width), int64, of the stories ``indices`` (B,).

        Shorter stories are padded with ``BLANK``. The default ``width`` is the length of the longest of them.
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
    """Read a story and answer its questions: "mary went to the hall . where is mary ?" has the answer "hall".

    A sequence is a story with all its questions. Each question is followed by three blank inputs (``THINKING``), then
    by one blank input per word of the answer. The targets are at these last blanks. Answers are never inputs. All
    tasks share one vocabulary: ``BLANK``, ``UNKNOWN``, then the words of the training stories in order of occurrence.
    With all 20 tasks it has 160 tokens. :func:`load_babi` returns such a task.
    """

    vocabulary: tuple[str, ...] = field(repr=False)
    training: Stories = field(repr=False)
    test: Stories = field(repr=False)

    def to(self, device: torch.device | str) -> "Babi":
        return Babi(self.vocabulary, self.training.to(device), self.test.to(device))

    def sample(self, batch: int, key: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Sample training stories: tokens (batch, T), lengths (batch,) and answers (batch, T), int64.

        Stories are padded to the longest of all training stories (1,412 tokens with task 3). :meth:`Stories.batch`
        pads to the longest of a batch.
        """
        indices = (ops.uniform(key, (batch,)).double() * len(self.training)).long()
        return self.training.batch(indices, self._longest)

    @cached_property
    def _longest(self) -> int:
        return int(self.training.lengths.max())

    def splits(self) -> dict[str, tuple[Tensor, Tensor, Tensor]]:
        """Return ``validation``, ``test`` (all tasks) and ``test_N`` (task N), each padded to its longest story.

        ``validation`` is a part of the training stories, because the data have no validation set.
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
        """Return whether all answers of a story, int64 (N, T), are right: bool (N,). Other positions are ignored."""
        return ((prediction == target) | (target == BLANK)).all(-1)


def load_babi(folder: Path, tasks: Sequence[int] = BABI_TASKS) -> Babi:
    """Read the official files of ``tasks`` in ``folder`` (``en-10k`` has 10,000 training questions per task).

    Raises:
        UserError: a task is unknown, or a file is missing, truncated or damaged.
    """
    unknown = [task for task in tasks if task not in BABI_TASKS]
    if unknown or not tasks:
        raise UserError(f"tasks {', '.join(map(str, unknown)) or 'of bAbI'}: choose from 1 to {BABI_TASKS[-1]}")
    index = {"": BLANK, "<unk>": UNKNOWN}
    training = _read(folder, tasks, "train", lambda word: index.setdefault(word, len(index)))
    return Babi(tuple(index), training, _read(folder, tasks, "test", lambda word: index.get(word, UNKNOWN)))


def _read(folder: Path, tasks: Sequence[int], part: str, token: Callable[[str], int]) -> Stories:
    """Read all stories of a part; ``token`` returns the token of a word."""
    tokens, answers, ends, of_task = array("h"), array("h"), array("q", [0]), array("q")
    for task in tasks:
        for story in read_stories(find_file(folder, task, part)):
            _encode(story, token, tokens, answers)
            ends.append(len(tokens))
            of_task.append(task)
    return Stories(*(torch.from_numpy(np.array(each)) for each in (tokens, answers, ends, of_task)))


def _encode(story: Story, token: Callable[[str], int], tokens: "array[int]", answers: "array[int]") -> None:
    """Append the tokens and the answers of a story."""
    for words, answer, _ in story:
        tokens.extend(map(token, words))
        if answer:
            tokens.extend([BLANK] * (THINKING + len(answer)))
            answers.extend([BLANK] * (len(words) + THINKING))
            answers.extend(map(token, answer))
        else:
            answers.extend([BLANK] * len(words))
