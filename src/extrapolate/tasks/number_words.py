"""Numbers written as words, and their values."""

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

#: All words. The token of a word is its index; token 0 is padding after the end of a number.
WORDS = ("", *SMALL, *TENS, "hundred", "and", "thousand")

#: Number of words in the longest number, such as "three hundred and thirty four".
LONGEST = 5


def in_words(number: int) -> list[str]:
    """Return the words of a number from 0 to 1,000.

    >>> " ".join(in_words(334))
    'three hundred and thirty four'

    Raises:
        ValueError: the number is out of this range.
    """
    if not 0 <= number <= LARGEST:
        raise ValueError(f"number={number} must be from 0 to {LARGEST}")
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
    """Read numbers: ``three hundred and thirty four`` gives 334 (Trask et al. 2018, section 4.3).

    The training set is a small part of the numbers from 0 to 1,000: 0 to 20, 1,000 (the only number with the word
    ``thousand``) and random ones. It contains every word, so the test has new numbers but no
    new words. A prediction is right if its error is below 0.5.

    Args:
        training: number of training numbers.
        validation: number of validation numbers; the rest is the test set.
        seed: seed of the split.
    """

    training: int = 169
    validation: int = 200
    seed: int = 0

    #: A smaller error means that the rounded prediction is right.
    threshold = 0.5

    def __post_init__(self) -> None:
        least = len(self._always)
        if self.training < least + len(TENS) or self.training + self.validation > LARGEST:
            raise ValueError(
                f"training={self.training} and validation={self.validation} must leave some of the "
                f"{LARGEST + 1} numbers for the test, and training must be at least {least + len(TENS)}"
            )
        _ = self.split  # fill the cache: vmap allows no shuffling

    def sample(self, batch: int, key: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Sample tokens (batch, LONGEST) and word counts (batch,), int64, and values (batch,), float32."""
        tokens, lengths, values = _training(self, key.device)
        chosen = (ops.uniform(key, (batch,)) * len(values)).long()
        return tokens[chosen], lengths[chosen], values[chosen]

    def splits(self) -> dict[str, tuple[Tensor, Tensor, Tensor]]:
        """Return all numbers of ``train``, ``validation`` and ``test``, in the format of :meth:`sample`."""
        names = ("train", "validation", "test")
        return {name: self.encode(numbers) for name, numbers in zip(names, self.split, strict=True)}

    def solved(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return whether the error is below 0.5: bool (N,)."""
        return (prediction - target).abs() < self.threshold

    @property
    def _always(self) -> list[int]:
        return [*range(21), LARGEST]

    @cached_property
    def split(self) -> tuple[list[int], list[int], list[int]]:
        """The training, validation and test numbers."""
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
        """Return tokens (N, LONGEST) and word counts (N,), int64, and values (N,), float32, of N numbers."""
        index = {word: token for token, word in enumerate(WORDS)}
        tokens = torch.zeros(len(values), LONGEST, dtype=torch.int64)
        words = [in_words(number) for number in values]
        for row, own in enumerate(words):
            tokens[row, : len(own)] = torch.tensor([index[word] for word in own])
        return tokens, torch.tensor([len(own) for own in words]), torch.tensor(values, dtype=torch.float32)


@cache
def _training(task: NumberWords, device: torch.device) -> tuple[Tensor, ...]:
    return tuple(each.to(device) for each in task.encode(task.split[0]))
