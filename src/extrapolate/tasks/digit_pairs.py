"""Two digits and their product: which pairs are learned from, which are kept unseen, and their pictures."""

from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from extrapolate import ops
from extrapolate.tasks.digits import Digits, DigitSet

DIGITS = 10

#: Pictures of each split; how they are chosen is the same for all.
TESTED, TEST_SEED = 400, 2

#: Of the pairs, before they are cut into folds. Made here: under vmap nothing can be shuffled.
_ORDER = torch.randperm(DIGITS**2, generator=torch.Generator().manual_seed(0))


@dataclass(frozen=True)
class DigitPairs:
    """Two digits to their product, a tenth of the 100 ordered pairs unseen (Mistry, Farrahi & Hare 2022).

    Images of 3 and 7 have the product 21; where (3, 7) is unseen, no picture of it is trained on, though there are
    others of both digits. The tenths ("folds") share no pair. A product is right when it rounds to the number.
    Pictures lie on the device of ``digits``.

    Args:
        fold: which pairs are unseen; folds repeat after the last.
        canvas: pixels a side of a picture in which the digits lie at random places, each in a colour channel of its
            own. None: the two images.
    """

    digits: Digits = field(repr=False)
    fold: int = 0
    folds: int = 10
    canvas: int | None = None

    @property
    def pairs(self) -> tuple[Tensor, Tensor]:
        """The pairs to learn from, int64 (90, 2), and the unseen ones, (10, 2)."""
        every = torch.cartesian_prod(torch.arange(DIGITS), torch.arange(DIGITS))
        parts = list(every[_ORDER].chunk(self.folds))
        unseen = parts.pop(self.fold % self.folds)
        device = self.digits.training.labels.device
        return torch.cat(parts).to(device), unseen.to(device)

    @property
    def draws(self) -> int:
        """Random numbers that a picture takes: for the pair, the two images, and where they lie."""
        return 3 if self.canvas is None else 7

    def sample(self, batch: int, key: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures of seen pairs, of training images, and their products (batch, 1).

        Pictures are (batch, 2, 1, S, S), or (batch, 2, canvas, canvas).
        """
        training, seen = self._sample_from
        return _with_products(*self.render(training, seen, ops.uniform(key, (batch, self.draws))))

    @cached_property
    def _sample_from(self) -> tuple["ByDigit", Tensor]:
        return ByDigit.of(self.digits.training), self.pairs[0]

    def splits(self) -> dict[str, tuple[Tensor, Tensor]]:
        """Pictures and products: ``validation``, seen pairs of validation images, the other two of test images.

        ``interpolation`` has the seen pairs, ``test`` the unseen ones.
        """
        seen, unseen = self.pairs
        validation, test = ByDigit.of(self.digits.validation), ByDigit.of(self.digits.test)
        chosen = {"validation": (validation, seen), "interpolation": (test, seen), "test": (test, unseen)}
        u = self.sample_fixed()
        return {name: _with_products(*self.render(*each, u)) for name, each in chosen.items()}

    def sample_fixed(self) -> Tensor:
        """The numbers in [0, 1) that the pictures of all splits are chosen by, (N, numbers)."""
        u = torch.rand((TESTED, self.draws), generator=torch.Generator().manual_seed(TEST_SEED))
        return u.to(self.digits.training.labels.device)

    def solved(self, prediction: Tensor, target: Tensor) -> Tensor:
        """bool (N,): whether the product (N, 1) is right once rounded."""
        return (prediction.round() == target)[..., 0]

    def render(self, digits: "ByDigit", pairs: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures of ``pairs`` (P, 2) chosen by ``u`` (N, numbers) in [0, 1), and their digits, int64 (N, 2)."""
        labels = pairs[(u[:, 0] * len(pairs)).long()]
        images = digits.render(labels, u[:, 1:3])
        if self.canvas is None:
            return images, labels
        return paste(images, u[:, 3:].unflatten(-1, (2, 2)), self.canvas), labels


@dataclass(frozen=True)
class ByDigit:
    """``digits`` sorted by what they show: ``first`` (10,) and ``count`` (10,) of each digit's images."""

    digits: DigitSet
    first: Tensor
    count: Tensor

    @classmethod
    def of(cls, digits: DigitSet) -> "ByDigit":
        count = torch.bincount(digits.labels, minlength=DIGITS)
        return cls(digits.part(digits.labels.argsort(stable=True)), count.cumsum(0) - count, count)

    def render(self, labels: Tensor, u: Tensor) -> Tensor:
        """The images (..., 1, S, S) of digits ``labels``, int64 (...), chosen by ``u`` (...) in [0, 1)."""
        return self.digits.images[self.first[labels] + (u * self.count[labels]).long()]


def paste(images: Tensor, u: Tensor, size: int) -> Tensor:
    """Images (..., C, 1, S, S) at random places of a canvas of ``size``, each in a colour channel: (..., C, L, L).

    ``u`` (..., C, 2), in [0, 1), chooses row and column of each.
    """
    side = images.shape[-1]
    where = torch.arange(size, device=images.device) - (u[..., None] * (size - side + 1)).long()
    inside = ((where >= 0) & (where < side)).to(images.dtype)
    pixel = where.clamp(0, side - 1)
    rows, columns = pixel.unbind(-2)
    taken = images[..., 0, :, :].take_along_dim(rows[..., :, None], -2).take_along_dim(columns[..., None, :], -1)
    return taken * inside[..., 0, :, None] * inside[..., 1, None, :]


def _with_products(pictures: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Replace the labels (N, 2) by their products (N, 1)."""
    return pictures, labels.prod(-1, keepdim=True).to(pictures.dtype)
