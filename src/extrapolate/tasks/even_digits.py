"""Pictures with several digits, and how many of them are even."""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from extrapolate import ops
from extrapolate.tasks.digits import Digits, DigitSet

#: Pictures that choose the best step, and that are tested on.
VALIDATED, TESTED = 500, 1_000


@dataclass(frozen=True)
class EvenDigits:
    """Digits in some of the ``side`` × ``side`` cells of a picture; the answer is how many are even.

    With 4, 7 and 2 in three of nine cells the answer is 2. From ``fewest`` to ``most`` digits, each number equally
    likely; published with up to five (Trask et al. 2018, after Seguí et al. 2015). An answer is right when it
    rounds to the number. Pictures lie on the device of ``digits``.

    Raises:
        ValueError: more digits than cells, or none at most.
    """

    digits: Digits = field(repr=False)
    fewest: int = 1
    most: int = 5
    side: int = 3

    def __post_init__(self) -> None:
        if not 0 <= self.fewest <= self.most <= self.side**2 or not self.most:
            raise ValueError(f"from {self.fewest} to {self.most} digits do not fit into {self.side**2} cells")

    @property
    def size(self) -> int:
        """Pixels a side of a picture."""
        return self.side * self.digits.training.size

    @property
    def draws(self) -> int:
        """Random numbers that a picture takes."""
        return 1 + 2 * self.side**2

    def sample(self, batch: int, key: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures (batch, 1, side S, side S) of training images, and their answers (batch,)."""
        return self.render(self.digits.training, ops.uniform(key, (batch, self.draws)))

    def splits(self) -> dict[str, tuple[Tensor, Tensor]]:
        """Pictures and answers: ``validation``, of validation images, the other two of test images.

        ``interpolation`` has as many digits as the training, ``test`` more of them, up to one in every cell.
        """
        cells = self.side**2
        more = replace(self, fewest=min(self.most + 1, cells), most=cells)
        return {
            "validation": self._sample_fixed(self.digits.validation, VALIDATED, 1),
            "interpolation": self._sample_fixed(self.digits.test, TESTED, 2),
            "test": more._sample_fixed(self.digits.test, TESTED, 2),
        }

    def _sample_fixed(self, digits: DigitSet, count: int, seed: int) -> tuple[Tensor, Tensor]:
        u = torch.rand((count, self.draws), generator=torch.Generator().manual_seed(seed))
        return self.render(digits, u.to(digits.labels.device))

    def solved(self, prediction: Tensor, target: Tensor) -> Tensor:
        """bool (N,): whether the number is right once rounded."""
        return prediction.round() == target

    def render(self, digits: DigitSet, u: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures (N, 1, side S, side S) of ``digits``, and the answers (N,), from ``u`` (N, numbers) in [0, 1)."""
        how_many, places, which = u.split((1, self.side**2, self.side**2), -1)
        count = self.fewest + (how_many * (self.most - self.fewest + 1)).long()
        there = places.argsort(-1).argsort(-1) < count
        drawn = (which * len(digits)).long()
        cells = digits.images[drawn][..., 0, :, :] * there[..., None, None]
        rows = cells.unflatten(1, (self.side, self.side)).movedim(2, 3)  # row of cells, pixel row, column of cells
        even = (digits.labels[drawn] % 2 == 0) & there
        return rows.flatten(3, 4).flatten(1, 2)[:, None], even.sum(-1).to(torch.float32)
