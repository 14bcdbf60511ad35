"""Permuted digits: each task classifies images whose pixels are in a different fixed order."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from extrapolate import ops
from extrapolate.tasks.digits import Digits, DigitSet


@dataclass(frozen=True)
class PermutedDigits:
    """Classify digits after a permutation of the pixels: input i of task p is pixel π(i) of the image.

    All tasks have the same 10 classes. The permutation of task 0 is the identity. Example: for images of four pixels,
    task 1 has π = (3, 2, 0, 1), so (a, b, c, d) becomes (d, c, a, b). Pixels are normalised with the mean and the
    standard deviation of all training pixels. Inputs are on the device of ``digits``.

    Args:
        digits: the images.
        number: p, the task to sample.
    """

    digits: Digits = field(repr=False)
    number: int = 0

    def sample(self, batch: int, key: Tensor) -> tuple[Tensor, Tensor]:
        """Sample training images as vectors (batch, pixels), and their labels (batch,), with replacement."""
        rows, labels = self._training
        chosen = (ops.uniform(key, (batch,)) * len(labels)).long()
        return rows[chosen], labels[chosen]

    @cached_property
    def _training(self) -> tuple[Tensor, Tensor]:
        return self._rows(self.digits.training)

    def splits(self) -> dict[str, tuple[Tensor, Tensor]]:
        """Return all images of ``validation`` and of ``test`` as vectors, and their labels."""
        return {"validation": self._rows(self.digits.validation), "test": self._rows(self.digits.test)}

    def solved(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return whether the predicted label, int64 (N,), is right: bool (N,)."""
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
        training = self.digits.training.images
        rows = (digits.images.flatten(1) - training.mean()) / training.std()
        return rows[:, self.order], digits.labels
