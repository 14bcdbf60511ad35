"""Bins of lengths: the sequences of a training batch come from one bin and are padded to its end."""

import itertools
from dataclasses import dataclass

import torch

from extrapolate.errors import UserError
from extrapolate.tasks import Algorithm, Examples
from extrapolate.tasks.algorithms import together

#: The bins of trainings on operands of up to 20 bits (the code of Freivalds & Liepins 2017).
PUBLISHED_ENDS = (8, 12, 16, 20, 25, 28, 31, 36, 41)


@dataclass(frozen=True)
class LengthBins:
    """Bins of lengths: each holds the lengths above the end of the bin before, up to its own end.

    Args:
        ends: the longest length of each bin, rising.
        shorter: the share of a batch that is sampled from shorter bins, so that a network learns to hold an answer
            until the last step.

    Raises:
        UserError: ``ends`` do not rise from 1 or more, or ``shorter`` is not in [0, 1).
    """

    ends: tuple[int, ...] = PUBLISHED_ENDS
    shorter: float = 0.05

    def __post_init__(self) -> None:
        rising = all(low < high for low, high in itertools.pairwise((0, *self.ends)))
        if not self.ends or not rising or not 0 <= self.shorter < 1:
            raise UserError(
                f"bins {self.ends} with {self.shorter:g} shorter: give rising lengths and a share below 1"
            )

    def lengths(self, task: Algorithm, index: int) -> list[int]:
        """The lengths of bin ``index`` that ``task`` has."""
        begin = self.ends[index - 1] if index else 0
        return [length for length in range(begin + 1, self.ends[index] + 1) if task.takes(length)]

    def used(self, task: Algorithm) -> list[int]:
        """The bins in which ``task`` has any length."""
        return [index for index in range(len(self.ends)) if self.lengths(task, index)]

    def sample_batch(self, task: Algorithm, index: int, count: int, generator: torch.Generator) -> Examples:
        """``count`` examples of bin ``index``, padded to its end.

        All have one sampled length, and the shorter ones another: a batch is made in two calls.
        """
        below = [length for each in range(index) for length in self.lengths(task, each)]
        few = int((torch.rand(count, generator=generator) < self.shorter).sum()) if below else 0
        parts = [(count - few, self.lengths(task, index)), (few, below)]
        made = [
            task.examples(some, _one_of(lengths, generator), generator).padded(self.ends[index])
            for some, lengths in parts
            if some
        ]
        return together(made)

    def sample_bins(self, task: Algorithm, count: int, generator: torch.Generator) -> list[int]:
        """``count`` bins: the longest, one of the two shortest, and others at random; all if there are no more."""
        used = self.used(task)
        if count >= len(used):
            return used
        first = used[int(torch.randint(min(2, len(used) - 1), (), generator=generator))]
        chosen = [used[-1], first][:count]
        others = [index for index in used if index not in chosen]
        order = torch.randperm(len(others), generator=generator).tolist()
        return sorted([*chosen, *(others[i] for i in order[: count - len(chosen)])])


def _one_of(lengths: list[int], generator: torch.Generator) -> int:
    return lengths[int(torch.randint(len(lengths), (), generator=generator))]
