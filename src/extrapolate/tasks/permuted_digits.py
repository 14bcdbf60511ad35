"""One problem in many guises: handwritten digits whose pixels are shuffled, each task in an order of its own."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from extrapolate.tasks.digits import Digits, DigitSet


@dataclass(frozen=True)
class PermutedDigits:
    """Which digit is it, pixel i of task p being pixel π(i) of the image; the 10 answers are the same for all.

    Task 0 leaves the pixels where they are. Of four pixels (a, b, c, d) task 1, whose π is (3, 2, 0, 1), makes
    (d, c, a, b). Pixels come with the mean 0 and the deviation 1 of all training pixels together.
    """

    digits: Digits

    @property
    def pixels(self) -> int:
        return self.digits.training.size**2

    def order(self, task: int) -> Tensor:
        """π of a task, from numpy's ``RandomState(task)``, as published for permuted MNIST."""
        if task == 0:
            return torch.arange(self.pixels)
        return torch.from_numpy(np.random.RandomState(task).permutation(self.pixels))

    def training(self, task: int) -> tuple[Tensor, Tensor]:
        """All training images as rows (N, pixels), and their labels (N,)."""
        return self._shown(self.digits.training, task)

    def test(self, task: int) -> tuple[Tensor, Tensor]:
        """All test images as rows (N, pixels), and their labels (N,)."""
        return self._shown(self.digits.test, task)

    @staticmethod
    def loss(logits: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(logits, labels)

    @staticmethod
    def right(logits: Tensor, labels: Tensor) -> Tensor:
        """bool (N,)."""
        return logits.argmax(-1) == labels

    def _shown(self, digits: DigitSet, task: int) -> tuple[Tensor, Tensor]:
        seen = self.digits.training.images
        rows = (digits.images.flatten(1) - seen.mean()) / seen.std()
        return rows[:, self.order(task)], digits.labels
