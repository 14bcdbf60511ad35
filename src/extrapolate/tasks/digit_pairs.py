"""Pictures of two digits and their product, with some pairs held out of the training."""

from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from extrapolate import ops
from extrapolate.tasks.digits import Digits, DigitSet

DIGITS = 10

#: Number of pictures of each split, and the seed that chooses the pictures of all splits.
TESTED, TEST_SEED = 400, 2

#: Order of the pairs before the split into folds. Computed here because vmap allows no shuffling.
_ORDER = torch.randperm(DIGITS**2, generator=torch.Generator().manual_seed(0))


@dataclass(frozen=True)
class DigitPairs:
    """Multiply two digits in pictures; some of the 100 ordered pairs are held out (Mistry, Farrahi & Hare 2022).

    Images of 3 and 7 have the product 21. If (3, 7) is held out, the training has no picture of this pair, but it
    has others of both digits. The pairs are divided
    into ``folds`` equal parts, of which one is held out. A prediction is right if it rounds to the product.
    Pictures are on the device of ``digits``.

    Args:
        digits: the images of digits.
        fold: index of the fold that is held out, modulo ``folds``.
        folds: number of folds.
        canvas: side in pixels of a picture with both digits at random positions, each in a separate colour channel.
            None: the input is the two images.
    """

    digits: Digits = field(repr=False)
    fold: int = 0
    folds: int = 10
    canvas: int | None = None

    @property
    def pairs(self) -> tuple[Tensor, Tensor]:
        """Training pairs, int64 (90, 2), and held-out pairs, int64 (10, 2)."""
        every = torch.cartesian_prod(torch.arange(DIGITS), torch.arange(DIGITS))
        parts = list(every[_ORDER].chunk(self.folds))
        unseen = parts.pop(self.fold % self.folds)
        device = self.digits.training.labels.device
        return torch.cat(parts).to(device), unseen.to(device)

    @property
    def draws(self) -> int:
        """Number of random numbers per picture: for the pair, the two images and their positions."""
        return 3 if self.canvas is None else 7

    def sample(self, batch: int, key: Tensor) -> tuple[Tensor, Tensor]:
        """Sample pictures of training pairs, made of training images, and their products (batch, 1).

        Pictures are (batch, 2, 1, S, S), or (batch, 2, canvas, canvas) with a canvas.
        """
        training, seen = self._sample_from
        return _with_products(*self.render(training, seen, ops.uniform(key, (batch, self.draws))))

    @cached_property
    def _sample_from(self) -> tuple["ByDigit", Tensor]:
        return ByDigit.of(self.digits.training), self.pairs[0]

    def splits(self) -> dict[str, tuple[Tensor, Tensor]]:
        """Return pictures and products by split.

        ``validation``: training pairs, validation images. ``interpolation``: training pairs, test images.
        ``test``: held-out pairs, test images.
        """
        seen, unseen = self.pairs
        validation, test = ByDigit.of(self.digits.validation), ByDigit.of(self.digits.test)
        chosen = {"validation": (validation, seen), "interpolation": (test, seen), "test": (test, unseen)}
        u = self.sample_fixed()
        return {name: _with_products(*self.render(*each, u)) for name, each in chosen.items()}

    def sample_fixed(self) -> Tensor:
        """Return the random numbers in [0, 1) that define the pictures of every split, (N, draws)."""
        u = torch.rand((TESTED, self.draws), generator=torch.Generator().manual_seed(TEST_SEED))
        return u.to(self.digits.training.labels.device)

    def solved(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return whether the prediction (N, 1), rounded, is the product: bool (N,)."""
        return (prediction.round() == target)[..., 0]

    def render(self, digits: "ByDigit", pairs: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
        """Return N pictures of ``pairs`` (P, 2) and their digits, int64 (N, 2), from ``u`` (N, draws) in [0, 1)."""
        labels = pairs[(u[:, 0] * len(pairs)).long()]
        images = digits.render(labels, u[:, 1:3])
        if self.canvas is None:
            return images, labels
        return paste(images, u[:, 3:].unflatten(-1, (2, 2)), self.canvas), labels


@dataclass(frozen=True)
class ByDigit:
    """Images sorted by digit; the images of digit d are the ``count[d]`` images from index ``first[d]``."""

    digits: DigitSet
    first: Tensor
    count: Tensor

    @classmethod
    def of(cls, digits: DigitSet) -> "ByDigit":
        count = torch.bincount(digits.labels, minlength=DIGITS)
        return cls(digits.part(digits.labels.argsort(stable=True)), count.cumsum(0) - count, count)

    def render(self, labels: Tensor, u: Tensor) -> Tensor:
        """Return one image (..., 1, S, S) per digit in ``labels``, int64 (...), chosen by ``u`` (...) in [0, 1)."""
        return self.digits.images[self.first[labels] + (u * self.count[labels]).long()]


def paste(images: Tensor, u: Tensor, size: int) -> Tensor:
    """Paste images (..., C, 1, S, S) at random positions of canvases: (..., C, size, size), one channel per image.

    ``u`` (..., C, 2), in [0, 1), chooses row and column of each image.
    """
    side = images.shape[-1]
    where = torch.arange(size, device=images.device) - (u[..., None] * (size - side + 1)).long()
    inside = ((where >= 0) & (where < side)).to(images.dtype)
    pixel = where.clamp(0, side - 1)
    rows, columns = pixel.unbind(-2)
    pixels = images[..., 0, :, :].take_along_dim(rows[..., :, None], -2).take_along_dim(columns[..., None, :], -1)
    return pixels * inside[..., 0, :, None] * inside[..., 1, None, :]


def _with_products(pictures: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Replace the labels (N, 2) by their products (N, 1)."""
    return pictures, labels.prod(-1, keepdim=True).to(pictures.dtype)
