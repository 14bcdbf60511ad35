"""What an algorithmic task gives: sequences of symbols, what they should become, and when an answer is right."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from extrapolate.errors import UserError

#: The symbol and the class of nothing: behind the end of a sequence.
PAD = 0

#: Of the tasks on numbers: digit v is symbol and class v + 1; then the operators.
PLUS, TIMES, SYMBOLS = 11, 12, 13


@dataclass(frozen=True)
class Examples:
    """``symbols`` int64 (B, n), or (B, n, rows) in aligned layouts; ``answer`` int64 (B, n), each place's class."""

    symbols: Tensor
    answer: Tensor

    @property
    def span(self) -> Tensor:
        """bool (B, n): the places where there is something, before or after."""
        there = self.symbols != PAD
        return (there if there.dim() == 2 else there.any(-1)) | (self.answer != PAD)

    def padded(self, length: int) -> "Examples":
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


def together(parts: list[Examples]) -> Examples:
    """Examples of one length as one batch."""
    return Examples(torch.cat([each.symbols for each in parts]), torch.cat([each.answer for each in parts]))


class Algorithm(Protocol):
    """A task on sequences: ``symbols`` kinds of them in, ``classes`` out, the padding included in both."""

    @property
    def name(self) -> str: ...

    @property
    def symbols(self) -> int: ...

    @property
    def classes(self) -> int: ...

    def takes(self, length: int) -> bool:
        """Whether there are examples of exactly this length."""
        ...

    def examples(self, count: int, length: int, generator: torch.Generator) -> Examples:
        """``count`` random examples.

        Raises:
            UserError: there are none of this length.
        """
        ...


def check_length(task: Algorithm, length: int, rule: str) -> None:
    """Raises UserError with the ``rule`` where ``task`` has no examples of this length."""
    if not task.takes(length):
        raise UserError(f"{task.name} has no sequences of {length} places: {rule}")
