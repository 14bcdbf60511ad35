"""Two digits and their product: which pairs are learned from, which are kept unseen, and their pictures."""

from dataclasses import dataclass

import torch
from torch import Tensor

from extrapolate.tasks.digits import DigitSet

DIGITS = 10


@dataclass(frozen=True)
class DigitPairs:
    """The 100 ordered pairs of digits, a tenth of them unseen (Mistry, Farrahi & Hare 2022).

    Images of 3 and 7 have the product 21; where (3, 7) is unseen, no picture of it is trained on, though there are
    others of both digits. The tenths ("folds") share no pair.
    """

    folds: int = 10

    def of_fold(self, fold: int) -> tuple[Tensor, Tensor]:
        """The pairs to learn from, int64 (90, 2), and the unseen ones, (10, 2); folds repeat after the last."""
        every = torch.cartesian_prod(torch.arange(DIGITS), torch.arange(DIGITS))
        order = torch.randperm(len(every), generator=torch.Generator().manual_seed(0))
        parts = list(every[order].chunk(self.folds))
        unseen = parts.pop(fold % self.folds)
        return torch.cat(parts), unseen


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

    def pictured(self, labels: Tensor, u: Tensor) -> Tensor:
        """The images (..., 1, S, S) of digits ``labels``, int64 (...), chosen by ``u`` (...) in [0, 1)."""
        return self.digits.images[self.first[labels] + (u * self.count[labels]).long()]


def placed(images: Tensor, u: Tensor, size: int) -> Tensor:
    """Images (..., C, 1, S, S) at random places of a canvas of ``size``, each in a colour channel: (..., C, L, L).

    ``u`` (..., C, 2), in [0, 1), chooses row and column of each.
    """
    side = images.shape[-1]
    where = torch.arange(size, device=images.device) - (u[..., None] * (size - side + 1)).long()
    inside = ((where >= 0) & (where < side)).to(images.dtype)
    pixel = where.clamp(0, side - 1)
    rows, columns = pixel.unbind(-2)
    taken = (
        images[..., 0, :, :].take_along_dim(rows[..., :, None], -2).take_along_dim(columns[..., None, :], -1)
    )
    return taken * inside[..., 0, :, None] * inside[..., 1, None, :]
