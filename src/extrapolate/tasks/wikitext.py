"""Wikitext-2: word-level language modelling of Wikipedia articles."""

import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from extrapolate import ops
from extrapolate._runtime.errors import UserError

#: Files of the word-level version: training, validation and test.
WIKITEXT_FILES = ("wiki.train.tokens", "wiki.valid.tokens", "wiki.test.tokens")

#: The end of a line, and a word that is not in the training text.
END, UNKNOWN = "<eos>", "<unk>"

ARCHIVE = "wikitext-2-v1.zip (https://wikitext.smerity.com/wikitext-2-v1.zip)"


@dataclass(frozen=True, eq=False)
class Corpus:
    """Three texts as word indices, int64 (N,); index i is the word ``vocabulary[i]``."""

    vocabulary: tuple[str, ...] = field(repr=False)
    training: Tensor = field(repr=False)
    validation: Tensor = field(repr=False)
    test: Tensor = field(repr=False)

    def to(self, device: torch.device | str) -> "Corpus":
        texts = (each.to(device) for each in (self.training, self.validation, self.test))
        return Corpus(self.vocabulary, *texts)


@dataclass(frozen=True)
class NextWord:
    """Predict the word after each of ``length`` words: in the text "the cat sat", "the cat" has target "cat sat".

    Use it with :func:`load_wikitext` (Merity et al. 2016, arXiv 1609.07843). Words are on the device of ``text``.
    """

    text: Corpus
    length: int = 35

    def __post_init__(self) -> None:
        shortest = min(len(each) for each in (self.text.training, self.text.validation, self.text.test))
        if not 1 <= self.length < shortest:
            raise ValueError(f"length={self.length} must be from 1 to {shortest - 1} (the shortest text minus 1)")

    def sample(self, batch: int, key: Tensor) -> tuple[Tensor, Tensor]:
        """Sample passages of the training text, and the word after each word, int64 (batch, length) each."""
        words = self.text.training
        starts = len(words) - self.length
        start = (ops.uniform(key, (batch,)).double() * starts).long()
        passages = words[start[:, None] + torch.arange(self.length + 1, device=words.device)]
        return passages[:, :-1], passages[:, 1:]

    def splits(self) -> dict[str, tuple[Tensor, Tensor]]:
        """Return ``validation`` and ``test``: consecutive passages of the texts, without a shorter last one."""
        return {"validation": self._passages(self.text.validation), "test": self._passages(self.text.test)}

    def _passages(self, words: Tensor) -> tuple[Tensor, Tensor]:
        whole = (len(words) - 1) // self.length * self.length
        return words[:whole].view(-1, self.length), words[1 : whole + 1].view(-1, self.length)

    def solved(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return whether every next word of a passage is right: bool (N,). Papers compare perplexities instead."""
        return (prediction == target).all(-1)


def load_wikitext(folder: Path) -> Corpus:
    """Read the word-level version of Wikitext-2: 2,088,628, 217,646 and 245,569 words, line ends included.

    The vocabulary has the 33,278 words of the training text, in the order of their first occurrence.

    Raises:
        UserError: a file is missing, truncated, damaged or of the character-level version.
    """
    numbers: dict[str, int] = {}
    training = array.array("i")
    for words in _lines(folder / WIKITEXT_FILES[0]):
        training.extend([numbers.setdefault(word, len(numbers)) for word in words])
    texts = [training, *(_known(folder / name, numbers) for name in WIKITEXT_FILES[1:])]
    return Corpus(tuple(numbers), *(torch.from_numpy(np.array(each, np.int64)) for each in texts))


def _known(path: Path, values: dict[str, int]) -> "array.array[int]":
    """Return the word indices of a file; words without an index become ``UNKNOWN``."""
    text = array.array("i")
    for words in _lines(path):
        found = [values.get(word, -1) for word in words]
        if -1 in found:
            if UNKNOWN not in values:
                raise UserError(
                    f"{path.parent / WIKITEXT_FILES[0]} has no {UNKNOWN}, so it is not the word-level version: "
                    f"download {ARCHIVE}"
                )
            found = [values[UNKNOWN] if number < 0 else number for number in found]
        text.extend(found)
    return text


def _lines(path: Path) -> Iterator[list[str]]:
    """Yield the words of each line, followed by ``END``."""
    line = ""
    try:
        with path.open(encoding="utf-8", newline="\n") as file:
            for line in file:
                yield [*line.split(), END]
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}: unpack {ARCHIVE} there") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is damaged ({error}): download {ARCHIVE} again") from None
    if not line.endswith("\n"):
        raise UserError(f"{path} is truncated (its last line has no end): download {ARCHIVE} again")
