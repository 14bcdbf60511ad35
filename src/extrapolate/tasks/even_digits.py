"""Pictures with several digits, and how many of them are even."""

from dataclasses import dataclass

import torch
from torch import Tensor

from extrapolate.tasks.digits import DigitSet


@dataclass(frozen=True)
class EvenDigits:
    """Digits in some of the ``side`` × ``side`` cells of a picture; the answer is how many are even.

    With 4, 7 and 2 in three of nine cells the answer is 2. From ``fewest`` to ``most`` digits, each number equally
    likely; published with up to five (Trask et al. 2018, after Seguí et al. 2015). An answer is right when it
    rounds to the number.

    Raises:
        ValueError: more digits than cells, or none at most.
    """

    fewest: int = 1
    most: int = 5
    side: int = 3

    def __post_init__(self) -> None:
        if not 0 <= self.fewest <= self.most <= self.side**2 or not self.most:
            raise ValueError(f"from {self.fewest} to {self.most} digits do not fit into {self.side**2} cells")

    @property
    def numbers(self) -> int:
        """Random numbers that a picture takes."""
        return 1 + 2 * self.side**2

    def pictured(self, digits: DigitSet, u: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures (N, 1, side S, side S) of ``digits``, and the answers (N,), from ``u`` (N, numbers) in [0, 1)."""
        how_many, places, which = u.split((1, self.side**2, self.side**2), -1)
        count = self.fewest + (how_many * (self.most - self.fewest + 1)).long()
        there = places.argsort(-1).argsort(-1) < count
        drawn = (which * len(digits)).long()
        cells = digits.images[drawn][..., 0, :, :] * there[..., None, None]
        rows = cells.unflatten(1, (self.side, self.side)).movedim(
            2, 3
        )  # row of cells, pixel row, column of cells
        even = (digits.labels[drawn] % 2 == 0) & there
        return rows.flatten(3, 4).flatten(1, 2)[:, None], even.sum(-1).to(torch.float32)
