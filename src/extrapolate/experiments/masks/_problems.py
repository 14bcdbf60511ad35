"""The Mathematics Dataset: a module's problems as tokens, and what was published for each module."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from extrapolate.experiments.config import require
from extrapolate.experiments.masks._encoder_decoder import Tokens
from extrapolate.experiments.masks._sequences import Examples
from extrapolate.tasks.mathematics import DIFFICULTIES, Generated, Official, Problem

#: Masks drawn per step, as published.
MASKS = 8

#: Where problems come from if no folder is given.
GENERATED = "generated"

#: Problems that are encoded at once: in int64 first, which takes its memory.
ENCODED = 100_000

EASY, HARD = DIFFICULTIES[0], DIFFICULTIES[-1]


@dataclass(frozen=True)
class Tuned:
    """What was published for a module: steps, batch, strength β and rate of the masks. Weights: Adam at 1e-4."""

    steps: int
    mask_steps: int
    batch: int
    strength: float
    mask_rate: float


PUBLISHED: dict[str, Tuned] = {
    "add_or_sub": Tuned(30_000, 30_000, 256, 2e-5, 3e-2),
    "linear_1d": Tuned(200_000, 50_000, 512, 1e-6, 2e-2),
    "differentiate": Tuned(40_000, 40_000, 128, 1e-5, 3e-2),
    "sort": Tuned(30_000, 30_000, 256, 3e-6, 3e-2),
    "collect": Tuned(200_000, 50_000, 128, 1e-6, 2e-2),
}


@dataclass(frozen=True)
class Problems:
    """A module's problems as tokens: to train on by the difficulties that are taken together, and to test."""

    tokens: Tokens
    training: Mapping[tuple[str, ...], Examples]
    test: Mapping[str, Examples]


@lru_cache(maxsize=2)
def module_problems(module: str, data: str, count: int, examined: int, device: str) -> Problems:
    """The problems of a module, generated or from the folder ``data``.

    Raises:
        UserError: the folder is required and not given, or its files cannot be read.
    """
    require(data, "--data DIR with the unpacked archive of the Mathematics Dataset")
    source = Generated(count, examined) if data == GENERATED else Official(Path(data), examined)
    split = source.split(module)
    vocabulary = split.vocabulary

    def encode(problems: list[Problem]) -> Examples:
        pieces = (problems[start : start + ENCODED] for start in range(0, len(problems), ENCODED))
        return Examples.join(map(vocabulary.encoded, pieces), vocabulary.pad, vocabulary.pad, device)

    every = encode([problem for each in DIFFICULTIES for problem in split.training[each]])
    size = vocabulary.size
    return Problems(
        Tokens(source=size, source_pad=vocabulary.pad, target=size, pad=vocabulary.pad, end=vocabulary.end),
        {DIFFICULTIES: every, (EASY,): every.first(len(split.training[EASY]))},
        {each: encode(split.test[each]) for each in DIFFICULTIES},
    )
