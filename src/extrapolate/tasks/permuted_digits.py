"""One problem in many guises: handwritten digits whose pixels are shuffled, each task in an order of its own."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from extrapolate import ops
from extrapolate.tasks.digits import Digits, DigitSet


@dataclass(frozen=True)
class PermutedDigits:
    """Which digit is it, pixel i of task p being pixel π(i) of the image; the 10 answers are the same for all.

    Task 0 leaves the pixels where they are. Of four pixels (a, b, c, d) task 1, whose π is (3, 2, 0, 1), makes
    (d, c, a, b). Pixels come with the mean 0 and the deviation 1 of all training pixels together. Rows lie on the
    device of ``digits``.

    Args:
        number: p, the task that is sampled.
    """

    digits: Digits = field(repr=False)
    number: int = 0

    def sample(self, batch: int, key: Tensor) -> tuple[Tensor, Tensor]:
        """Training images as rows (batch, pixels), and their labels (batch,), drawn with replacement."""
        rows, labels = self._training
        chosen = (ops.uniform(key, (batch,)) * len(labels)).long()
        return rows[chosen], labels[chosen]

    @cached_property
    def _training(self) -> tuple[Tensor, Tensor]:
        return self._rows(self.digits.training)

    def splits(self) -> dict[str, tuple[Tensor, Tensor]]:
        """All images of ``validation`` and of ``test`` as rows, and their labels."""
        return {"validation": self._rows(self.digits.validation), "test": self._rows(self.digits.test)}

    def solved(self, prediction: Tensor, target: Tensor) -> Tensor:
        """bool (N,): whether the label, int64 (N,), is right."""
        return prediction == target

    @property
    def pixels(self) -> int:
        return self.digits.training.size**2

    @property
    def order(self) -> Tensor:
        """π, int64 (pixels,), from numpy's ``RandomState(number)``, as published for permuted MNIST."""
        if self.number == 0:
            return torch.arange(self.pixels)
        return torch.from_numpy(np.random.RandomState(self.number).permutation(self.pixels))

    def _rows(self, digits: DigitSet) -> tuple[Tensor, Tensor]:
        seen = self.digits.training.images
        rows = (digits.images.flatten(1) - seen.mean()) / seen.std()
        return rows[:, self.order], digits.labels
