"""Examples of algorithmic tasks, and the base class of these tasks."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor

from extrapolate._runtime.errors import UserError

#: Symbol and class of the padding after the end of a sequence.
PAD = 0

#: Symbols of the operators, and the number of symbols, in tasks on numbers. A digit v is the
#: symbol v + 1 of the input and the class v + 1 of the answer.
PLUS, TIMES, SYMBOLS = 11, 12, 13

#: Number of sequences of each split.
FIXED = 128


class Examples(NamedTuple):
    """A batch: ``symbols``, int64 (B, n), or (B, n, rows) if aligned; ``answer``, the classes, int64 (B, n)."""

    symbols: Tensor
    answer: Tensor

    @property
    def span(self) -> Tensor:
        """Mask of the positions where the symbols or the answer are not padding: bool (B, n)."""
        used = self.symbols != PAD
        return (used if used.dim() == 2 else used.any(-1)) | (self.answer != PAD)

    def pad(self, length: int) -> "Examples":
        """Return the examples padded to ``length`` positions.

        Raises:
            UserError: they are longer.
        """
        more = length - self.answer.shape[1]
        if more < 0:
            raise UserError(f"{self.answer.shape[1]} positions do not fit into {length}: use a larger length")
        extra = self.symbols.new_zeros(len(self.symbols), more, *self.symbols.shape[2:])
        none = self.answer.new_zeros(len(self.answer), more)
        return Examples(torch.cat([self.symbols, extra], 1), torch.cat([self.answer, none], 1))

    def wrong(self, logits: Tensor) -> Tensor:
        """Return whether any class, padding included, of ``logits`` (B, n, classes) is wrong: bool (B,)."""
        return (logits.argmax(-1) != self.answer).any(-1)


def generator_of(key: Tensor) -> torch.Generator:
    """Return a CPU generator for ``key``, int64 (3,). Its seed is a hash, because only 32 bits of a seed count."""
    words = np.random.SeedSequence([word % 2**32 for word in key.tolist()]).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(words[0] >> np.uint64(1)))


def together(parts: list[Examples]) -> Examples:
    """Concatenate examples of one length into one batch."""
    return Examples(torch.cat([each.symbols for each in parts]), torch.cat([each.answer for each in parts]))


@dataclass(frozen=True, kw_only=True)
class Algorithm(ABC):
    """A task that maps sequences of ``symbols`` input symbols to ``classes`` classes, padding included in both.

    All sequences of a training batch have the same length and are padded to ``longest``. Each possible length up to
    ``longest`` is equally likely. An answer is right if every position is, padding included.

    Args:
        longest: length of the longest training sequences; 41 for two operands of 20 digits and an operator.
        tested: lengths of the test sequences, rising; the last is the length of the split ``test``.

    Raises:
        UserError: the task has no sequences of these lengths, or ``tested`` is empty.
    """

    name: ClassVar[str]
    #: Rule for possible lengths, shown in the error about other lengths.
    length_rule: ClassVar[str]

    longest: int = 41
    tested: tuple[int, ...] = (201, 401)

    def __post_init__(self) -> None:
        if not self.lengths:
            raise UserError(f"{self.name} has no sequences up to length {self.longest}: {self.length_rule}")
        if not self.tested:
            raise UserError(f"{self.name} has no test lengths: set `tested`")
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
        """Possible lengths of training sequences."""
        return [length for length in range(1, self.longest + 1) if self.takes(length)]

    @abstractmethod
    def takes(self, length: int) -> bool:
        """Return whether the task has examples of this length."""

    def check_length(self, length: int) -> None:
        """Raise UserError if there are no examples of this length."""
        if not self.takes(length):
            raise UserError(f"{self.name} has no sequences of length {length}: {self.length_rule}")

    @abstractmethod
    def examples(self, count: int, length: int, generator: torch.Generator) -> Examples:
        """Sample ``count`` examples.

        Raises:
            UserError: there are no examples of this length.
        """

    def sample(self, batch: int, key: Tensor) -> Examples:
        """Sample training sequences, padded to ``longest``. ``vmap`` cannot map this method."""
        generator, lengths = generator_of(key), self.lengths
        length = lengths[int(torch.randint(len(lengths), (), generator=generator))]
        symbols, answer = self.examples(batch, length, generator).pad(self.longest)
        return Examples(symbols.to(key.device), answer.to(key.device))

    def splits(self) -> dict[str, Examples]:
        """Return ``validation`` (longest training length), ``test`` (last test length) and ``test_N`` (length N)."""
        *nearer, longest = self.tested
        lengths = {"validation": self.lengths[-1], **{f"test_{n}": n for n in nearer}, "test": longest}
        generator = torch.Generator().manual_seed(1)
        return {name: self.examples(FIXED, length, generator) for name, length in lengths.items()}

    def solved(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return whether all classes of a sequence are right: bool (B,), from int64 (B, n) each."""
        return (prediction == target).all(-1)
