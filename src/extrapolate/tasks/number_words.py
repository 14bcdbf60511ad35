"""Numbers in words, and their values."""

from dataclasses import dataclass
from functools import cache, cached_property

import torch
from torch import Tensor

from extrapolate import ops

LARGEST = 1_000
# fmt: off
SMALL = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
    "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)
# fmt: on
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")

#: Every word there is; a word's index is its token, and 0 stands behind the end of a number.
WORDS = ("", *SMALL, *TENS, "hundred", "and", "thousand")

#: Words in the longest number, "three hundred and thirty four".
LONGEST = 5


def in_words(number: int) -> list[str]:
    """The words of a number from 0 to 1,000.

    >>> " ".join(in_words(334))
    'three hundred and thirty four'

    Raises:
        ValueError: another number.
    """
    if not 0 <= number <= LARGEST:
        raise ValueError(f"number must be from 0 to {LARGEST}, got {number}")
    if number == LARGEST:
        return ["one", "thousand"]
    hundreds, rest = divmod(number, 100)
    words = [SMALL[hundreds], "hundred"] if hundreds else []
    if rest or not hundreds:
        words += [*(["and"] if words else []), *_below_hundred(rest)]
    return words


def _below_hundred(number: int) -> list[str]:
    if number < len(SMALL):
        return [SMALL[number]]
    tens, ones = divmod(number, 10)
    return [TENS[tens - 2], *([SMALL[ones]] if ones else [])]


@dataclass(frozen=True)
class NumberWords:
    """Reading numbers: ``three hundred and thirty four`` gives 334 (Trask et al. 2018, section 4.3).

    Of the 1,001 numbers from 0 to 1,000 few are trained on: 0 to 20, 1,000 (without which its word would never be
    seen) and some at random, so that every word is among them. 90 may be new, ``nine hundred and ninety`` too;
    the words are not. An answer counts as right when it is less than a half off.

    Args:
        training: how many numbers are trained on.
        validation: how many are kept for choosing the best step; the others are the test.
        seed: of the split.
    """

    training: int = 169
    validation: int = 200
    seed: int = 0

    #: The error below which rounding gives the number.
    threshold = 0.5

    def __post_init__(self) -> None:
        least = len(self._always)
        if self.training < least + len(TENS) or self.training + self.validation > LARGEST:
            raise ValueError(
                f"training={self.training} and validation={self.validation} must leave some of the "
                f"{LARGEST + 1} numbers, and training must be at least {least + len(TENS)}"
            )
        _ = self.split  # made here: under vmap nothing can be shuffled

    def sample(self, batch: int, key: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Tokens (batch, LONGEST) and words in each (batch,), int64; and the values, float32 (batch,)."""
        tokens, lengths, values = _training(self, key.device)
        chosen = (ops.uniform(key, (batch,)) * len(values)).long()
        return tokens[chosen], lengths[chosen], values[chosen]

    def splits(self) -> dict[str, tuple[Tensor, Tensor, Tensor]]:
        """All numbers of ``train``, of ``validation`` and of ``test``, as :meth:`sample` returns them."""
        names = ("train", "validation", "test")
        return {name: self.encode(numbers) for name, numbers in zip(names, self.split, strict=True)}

    def solved(self, prediction: Tensor, target: Tensor) -> Tensor:
        """bool (N,): whether the number is less than a half off."""
        return (prediction - target).abs() < self.threshold

    @property
    def _always(self) -> list[int]:
        return [*range(21), LARGEST]

    @cached_property
    def split(self) -> tuple[list[int], list[int], list[int]]:
        """The numbers of training, validation and test."""
        generator = torch.Generator().manual_seed(self.seed)
        while True:
            order = torch.randperm(LARGEST + 1, generator=generator).tolist()
            others = [number for number in order if number not in set(self._always)]
            free = self.training - len(self._always)
            training = self._always + others[:free]
            if len({word for number in training for word in in_words(number)}) == len(WORDS) - 1:
                return training, others[free : free + self.validation], others[free + self.validation :]

    @staticmethod
    def encode(values: list[int]) -> tuple[Tensor, Tensor, Tensor]:
        """Tokens (N, LONGEST), words in each (N,), both int64; and the values, float32 (N,)."""
        index = {word: token for token, word in enumerate(WORDS)}
        tokens = torch.zeros(len(values), LONGEST, dtype=torch.int64)
        words = [in_words(number) for number in values]
        for row, own in enumerate(words):
            tokens[row, : len(own)] = torch.tensor([index[word] for word in own])
        return tokens, torch.tensor([len(own) for own in words]), torch.tensor(values, dtype=torch.float32)


@cache
def _training(task: NumberWords, device: torch.device) -> tuple[Tensor, ...]:
    return tuple(each.to(device) for each in task.encode(task.split[0]))
