"""Sources of problems, and their split into training and test."""

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

#: Seed that selects the test problems, as published.
_SPLIT_SEED = 1234

#: The search for new questions stops after this number of known questions in a row.
_PATIENCE = 10_000


@dataclass(frozen=True)
class Split:
    """Training and test problems of a module, by difficulty. All questions are different."""

    training: Mapping[str, list[Problem]]
    test: Mapping[str, list[Problem]]

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """All characters of these problems. (Published networks use the characters of all modules.)"""
        return Vocabulary.of(chain(*self.training.values(), *self.test.values()))


class Source(Protocol):
    """A source of problems. Every call returns the same problems."""

    def split(self, module: str) -> Split:
        """Return the problems of the module of this name; see ``MODULES``."""
        ...


@dataclass(frozen=True)
class Generated:
    """Problems sampled from the modules, without repeated questions.

    Args:
        training_count: training problems per difficulty.
        test_count: test problems per difficulty.
        seed: seed of all problems. Each module and difficulty has a separate generator.

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
            UserError: the module is unknown or has too few different problems.
        """
        found, known = get_module(module), set[str]()
        return _split([self._distinct(found, each, known) for each in DIFFICULTIES], self.test_count)

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
                    f"{module.name} has hardly more than {len(found)} {difficulty} problems: choose fewer than "
                    f"{self.training_count} for training and {self.test_count} for the test"
                )
        return found


@dataclass(frozen=True)
class Official:
    """The published problems of the unpacked archive: 666,666 per difficulty, minus repeated ones.

    A question that occurs several times is used once, in the easiest difficulty that has it. The test problems are
    selected as in Csordás et al. 2021 (arXiv 2010.02066).

    Args:
        folder: folder with ``train-easy``, ``train-medium`` and ``train-hard``, each with one file per module.
        test_count: test problems per difficulty.

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
            UserError: the module is unknown, or a file is missing, damaged or has too few problems.
        """
        found, known = get_module(module), set[str]()
        return _split([self._distinct(found, each, known) for each in DIFFICULTIES], self.test_count)

    def _distinct(self, module: Module, difficulty: str, known: set[str]) -> list[Problem]:
        path = self.folder / f"train-{difficulty}" / module.file
        found: list[Problem] = []
        for problem in _read(path):
            if problem.question not in known:
                known.add(problem.question)
                found.append(problem)
        if len(found) <= self.test_count:
            raise UserError(
                f"{path} has {len(found)} new problems, too few for training and a test of {self.test_count}: "
                f"download it again from {ARCHIVE}, or choose a smaller test"
            )
        return found


def _read(path: Path) -> list[Problem]:
    """Read the problems of a file, in which questions and answers alternate, one per line."""
    try:
        with path.open(encoding="utf-8") as file:
            lines = [line.strip() if line.endswith("\n") else "" for line in file]
    except (OSError, UnicodeDecodeError) as error:
        reason = "is missing" if isinstance(error, FileNotFoundError) else f"cannot be read ({error})"
        raise UserError(
            f"{path} {reason}: give the folder of the unpacked mathematics_dataset-v1.0.tar.gz from {ARCHIVE}, "
            "or no folder to use generated problems"
        ) from None
    if not lines or "" in lines or len(lines) % 2:
        index = lines.index("") if "" in lines else len(lines)
        raise UserError(
            f"{path} is damaged (line {index + 1} is empty or truncated; questions and answers must alternate): "
            f"download it again from {ARCHIVE}"
        )
    return [Problem(*pair) for pair in zip(lines[::2], lines[1::2], strict=True)]


def _split(problems: Sequence[list[Problem]], test_count: int) -> Split:
    """Select ``test_count`` test problems of each difficulty by index, as in the published split."""
    training: dict[str, list[Problem]] = {}
    test: dict[str, list[Problem]] = {}
    for difficulty, own in zip(DIFFICULTIES, problems, strict=True):
        chosen = np.random.RandomState(_SPLIT_SEED).choice(len(own), test_count, replace=False)
        tested = set(chosen.tolist())
        training[difficulty] = [each for index, each in enumerate(own) if index not in tested]
        test[difficulty] = [each for index, each in enumerate(own) if index in tested]
    return Split(training, test)
