"""What an algorithmic task gives: sequences of symbols, what they should become, and when an answer is right."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor

from extrapolate._runtime.errors import UserError

#: The symbol and the class of nothing: behind the end of a sequence.
PAD = 0

#: Of the tasks on numbers: digit v is symbol and class v + 1; then the operators.
PLUS, TIMES, SYMBOLS = 11, 12, 13

#: Sequences of each split.
FIXED = 128


class Examples(NamedTuple):
    """``symbols`` int64 (B, n), or (B, n, rows) in aligned layouts; ``answer`` int64 (B, n), each place's class."""

    symbols: Tensor
    answer: Tensor

    @property
    def span(self) -> Tensor:
        """bool (B, n): the places where there is something, before or after."""
        there = self.symbols != PAD
        return (there if there.dim() == 2 else there.any(-1)) | (self.answer != PAD)

    def pad(self, length: int) -> "Examples":
        """With padding behind, up to ``length`` places."""
        more = length - self.answer.shape[1]
        if more < 0:
            raise UserError(f"{self.answer.shape[1]} places do not fit into {length}: give a longer length")
        extra = self.symbols.new_zeros(len(self.symbols), more, *self.symbols.shape[2:])
        none = self.answer.new_zeros(len(self.answer), more)
        return Examples(torch.cat([self.symbols, extra], 1), torch.cat([self.answer, none], 1))

    def wrong(self, logits: Tensor) -> Tensor:
        """bool (B,): whether any place, padding included, gets another class; logits (B, n, classes)."""
        return (logits.argmax(-1) != self.answer).any(-1)


def generator_of(key: Tensor) -> torch.Generator:
    """A generator on the CPU that follows from ``key``, int64 (3,); mixed, since it uses 32 bits of its seed only."""
    words = np.random.SeedSequence([word % 2**32 for word in key.tolist()]).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(words[0] >> np.uint64(1)))


def together(parts: list[Examples]) -> Examples:
    """Examples of one length as one batch."""
    return Examples(torch.cat([each.symbols for each in parts]), torch.cat([each.answer for each in parts]))


@dataclass(frozen=True, kw_only=True)
class Algorithm(ABC):
    """A task on sequences: ``symbols`` kinds of them in, ``classes`` out, the padding included in both.

    The sequences of a training batch have one length, padded to ``longest``; each length that the task has up to
    that is equally likely. An answer is right when every place is, padding included.

    Args:
        longest: length of the longest training sequences; two operands of 20 digits and their operator have 41.
        tested: lengths of the test sequences, rising; the last is that of the split ``test``.

    Raises:
        UserError: the task has no sequences of these lengths, or ``tested`` is empty.
    """

    name: ClassVar[str]
    #: Which lengths there are, for the error about others.
    length_rule: ClassVar[str]

    longest: int = 41
    tested: tuple[int, ...] = (201, 401)

    def __post_init__(self) -> None:
        if not self.lengths:
            raise UserError(f"{self.name} has no sequences up to length {self.longest}: {self.length_rule}")
        if not self.tested:
            raise UserError(f"{self.name} is tested on no length: give one in `tested`")
        for length in self.tested:
            self.check_length(length)

    @property
    @abstractmethod
    def symbols(self) -> int: ...

    @property
    @abstractmethod
    def classes(self) -> int: ...

    @property
    def lengths(self) -> list[int]:
        """The lengths of training sequences."""
        return [length for length in range(1, self.longest + 1) if self.takes(length)]

    @abstractmethod
    def takes(self, length: int) -> bool:
        """Whether there are examples of exactly this length."""

    def check_length(self, length: int) -> None:
        """Raises UserError where there are no examples of this length."""
        if not self.takes(length):
            raise UserError(f"{self.name} has no sequences of {length} places: {self.length_rule}")

    @abstractmethod
    def examples(self, count: int, length: int, generator: torch.Generator) -> Examples:
        """``count`` random examples.

        Raises:
            UserError: there are none of this length.
        """

    def sample(self, batch: int, key: Tensor) -> Examples:
        """Training sequences, padded to ``longest``. Takes one key at a time: ``vmap`` cannot map it."""
        generator, lengths = generator_of(key), self.lengths
        length = lengths[int(torch.randint(len(lengths), (), generator=generator))]
        symbols, answer = self.examples(batch, length, generator).pad(self.longest)
        return Examples(symbols.to(key.device), answer.to(key.device))

    def splits(self) -> dict[str, Examples]:
        """``validation``, of the longest training length; ``test``, of the last tested; ``test_N``, of the others."""
        *nearer, longest = self.tested
        lengths = {"validation": self.lengths[-1], **{f"test_{n}": n for n in nearer}, "test": longest}
        generator = torch.Generator().manual_seed(1)
        return {name: self.examples(FIXED, length, generator) for name, length in lengths.items()}

    def solved(self, prediction: Tensor, target: Tensor) -> Tensor:
        """bool (B,): whether all classes of a sequence are right; int64 (B, n) each."""
        return (prediction == target).all(-1)
