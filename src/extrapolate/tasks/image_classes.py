"""Image classification, and the usual augmentation of training images."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from extrapolate import ops
from extrapolate.tasks.digits import Digits, DigitSet


@dataclass(frozen=True)
class ImageClasses:
    """Classify images (N, C, S, S): the target is the class, int64 (N,)."""

    images: Digits

    def sample(self, batch: int, key: Tensor) -> tuple[Tensor, Tensor]:
        """Sample training images and their classes with replacement."""
        training = self.images.training
        chosen = (ops.uniform(key, (batch,)) * len(training.images)).long()
        return training.images[chosen], training.labels[chosen]

    def splits(self) -> dict[str, tuple[Tensor, Tensor]]:
        """Return all images of ``validation`` and of ``test``, with their classes."""
        return {"validation": _pair(self.images.validation), "test": _pair(self.images.test)}

    def solved(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return whether the predicted class is right: bool (N,)."""
        return prediction == target


def _pair(images: DigitSet) -> tuple[Tensor, Tensor]:
    return images.images, images.labels


def flip_and_shift(images: Tensor, u: Tensor, most: int = 4) -> Tensor:
    """Flip each image (B, C, S, S) with probability 1/2, and shift it by up to ``most`` pixels, padded with zeros.

    ``u`` (3, B) in [0, 1) holds, for each image, the random numbers of the flip, the row shift and the column shift.
    This is the usual augmentation of CIFAR-10 (He et al. 2015, section 4.2).
    """
    flip, *shifts = u.unbind()
    pixels = torch.arange(images.shape[-1], device=images.device)
    rows, columns = ((each * (2 * most + 1)).long()[:, None] + pixels for each in shifts)
    columns = torch.where(flip[:, None] < 0.5, columns, columns.flip(-1))
    padded = F.pad(images, [most] * 4).movedim(1, -1)
    batch = torch.arange(len(images), device=images.device)[:, None, None]
    return padded[batch, rows[:, :, None], columns[:, None, :]].movedim(-1, 1)
