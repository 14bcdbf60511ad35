"""Where problems come from, and which of them are kept for testing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from random import Random
from typing import Protocol

import numpy as np

from extrapolate._runtime.errors import UserError
from extrapolate.tasks.mathematics.modules import Module, get_module
from extrapolate.tasks.mathematics.problem import DIFFICULTIES, Problem
from extrapolate.tasks.mathematics.vocabulary import Vocabulary

ARCHIVE = "https://console.cloud.google.com/storage/browser/mathematics-dataset"

#: Which places of the problems are the test's, as published.
_SPLIT_SEED = 1234

#: So many known questions in a row mean that there are hardly any others.
_PATIENCE = 10_000


@dataclass(frozen=True)
class Split:
    """A module's problems for training and for testing, by difficulty; no question is there twice."""

    training: Mapping[str, list[Problem]]
    test: Mapping[str, list[Problem]]

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """All characters of these problems; the published networks' has those of all modules."""
        return Vocabulary.of(chain(*self.training.values(), *self.test.values()))


class Source(Protocol):
    """Gives a module's problems: the same at every call."""

    def split(self, module: str) -> Split:
        """Of the module of this name; see ``MODULES``."""
        ...


@dataclass(frozen=True)
class Generated:
    """Problems made here, as the modules draw them, without those whose question was drawn before.

    Args:
        training_count: problems of each difficulty to train on.
        test_count: problems of each difficulty to test on.
        seed: of everything. Each module and difficulty has random numbers of its own.

    Raises:
        ValueError: a count is not positive.
    """

    training_count: int = 100_000
    test_count: int = 10_000
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.training_count, self.test_count) < 1:
            raise ValueError(
                f"training_count={self.training_count} and test_count={self.test_count} must be at least 1"
            )

    def split(self, module: str) -> Split:
        """See :class:`Source`.

        Raises:
            UserError: an unknown module, or it has not so many different problems.
        """
        drawn, known = get_module(module), set[str]()
        return _split([self._distinct(drawn, each, known) for each in DIFFICULTIES], self.test_count)

    def _distinct(self, module: Module, difficulty: str, known: set[str]) -> list[Problem]:
        rng = Random(f"{self.seed} {module.name} {difficulty}")
        found: list[Problem] = []
        repeats = 0
        while len(found) < self.training_count + self.test_count:
            problem = module.problem(difficulty, rng)
            repeats += 1
            if problem.question not in known:
                known.add(problem.question)
                found.append(problem)
                repeats = 0
            if repeats >= _PATIENCE:
                raise UserError(
                    f"{module.name} has hardly more than {len(found)} {difficulty} problems: "
                    f"ask for fewer than {self.training_count} for training and {self.test_count} for the test"
                )
        return found


@dataclass(frozen=True)
class Official:
    """The published problems, of the unpacked archive: 666,666 of a difficulty, less the repeated ones.

    A question counts once, for the easiest difficulty that has it. Those for the test are chosen as in
    Csordás et al. 2021 (arXiv 2010.02066).

    Args:
        folder: with ``train-easy``, ``train-medium`` and ``train-hard`` in it, a file a module in each.
        test_count: problems of each difficulty to test on.

    Raises:
        ValueError: the count is not positive.
    """

    folder: Path
    test_count: int = 10_000

    def __post_init__(self) -> None:
        if self.test_count < 1:
            raise ValueError(f"test_count={self.test_count} must be at least 1")

    def split(self, module: str) -> Split:
        """See :class:`Source`.

        Raises:
            UserError: an unknown module, a file that is not there or damaged, or with too few problems.
        """
        read, known = get_module(module), set[str]()
        return _split([self._distinct(read, each, known) for each in DIFFICULTIES], self.test_count)

    def _distinct(self, module: Module, difficulty: str, known: set[str]) -> list[Problem]:
        path = self.folder / f"train-{difficulty}" / module.file
        found: list[Problem] = []
        for problem in _read(path):
            if problem.question not in known:
                known.add(problem.question)
                found.append(problem)
        if len(found) <= self.test_count:
            raise UserError(
                f"{path} has {len(found)} problems that are new, "
                f"too few for a test of {self.test_count} and training: "
                f"get it anew from {ARCHIVE}, or make the test smaller"
            )
        return found


def _read(path: Path) -> list[Problem]:
    """The problems of a file of lines, a question and its answer in turn."""
    try:
        with path.open(encoding="utf-8") as file:
            lines = [line.strip() if line.endswith("\n") else "" for line in file]
    except (OSError, UnicodeDecodeError) as error:
        reason = "is not there" if isinstance(error, FileNotFoundError) else f"cannot be read ({error})"
        raise UserError(
            f"{path} {reason}: give the folder of the unpacked mathematics_dataset-v1.0.tar.gz from {ARCHIVE}, "
            "or none to use generated problems"
        ) from None
    if not lines or "" in lines or len(lines) % 2:
        place = lines.index("") if "" in lines else len(lines)
        raise UserError(
            f"{path} is damaged (no text in line {place + 1}, or it is cut short; "
            "questions and answers must be in turn): "
            f"get it anew from {ARCHIVE}"
        )
    return [Problem(*pair) for pair in zip(lines[::2], lines[1::2], strict=True)]


def _split(problems: Sequence[list[Problem]], test_count: int) -> Split:
    """``test_count`` of each difficulty, in the places that the published split takes, are the test."""
    training: dict[str, list[Problem]] = {}
    test: dict[str, list[Problem]] = {}
    for difficulty, own in zip(DIFFICULTIES, problems, strict=True):
        chosen = np.random.RandomState(_SPLIT_SEED).choice(len(own), test_count, replace=False)
        tested = set(chosen.tolist())
        training[difficulty] = [each for place, each in enumerate(own) if place not in tested]
        test[difficulty] = [each for place, each in enumerate(own) if place in tested]
    return Split(training, test)
