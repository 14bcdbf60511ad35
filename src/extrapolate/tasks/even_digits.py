"""Count the even digits in pictures with several digits."""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from extrapolate import ops
from extrapolate.tasks.digits import Digits, DigitSet

#: Number of pictures of ``validation``, and of each of the other splits.
VALIDATED, TESTED = 500, 1_000


@dataclass(frozen=True)
class EvenDigits:
    """Count the even digits in a picture of ``side`` × ``side`` cells, some of which have a digit.

    With 4, 7 and 2 in three of nine cells the answer is 2. The number of digits is uniform from ``fewest`` to
    ``most``; published: up to 5 (Trask et al. 2018, after Seguí et al. 2015). A prediction is right if it rounds to
    the answer. Pictures are on the device of ``digits``.

    Raises:
        ValueError: ``fewest`` and ``most`` are not in order, ``most`` is 0 or larger than the number of cells.
    """

    digits: Digits = field(repr=False)
    fewest: int = 1
    most: int = 5
    side: int = 3

    def __post_init__(self) -> None:
        if not 0 <= self.fewest <= self.most <= self.side**2 or not self.most:
            raise ValueError(
                f"from {self.fewest} to {self.most} digits do not fit into {self.side**2} cells: "
                f"choose 0 <= fewest <= most <= {self.side**2} and most > 0"
            )

    @property
    def size(self) -> int:
        """Number of pixels along one side of a picture."""
        return self.side * self.digits.training.size

    @property
    def draws(self) -> int:
        """Number of random numbers per picture."""
        return 1 + 2 * self.side**2

    def sample(self, batch: int, key: Tensor) -> tuple[Tensor, Tensor]:
        """Sample pictures of training images, (batch, 1, size, size), and their answers (batch,)."""
        return self.render(self.digits.training, ops.uniform(key, (batch, self.draws)))

    def splits(self) -> dict[str, tuple[Tensor, Tensor]]:
        """Return pictures and answers by split.

        ``validation``: validation images. ``interpolation``: test images, with the training numbers of digits.
        ``test``: test images, with more digits, up to one per cell.
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
        """Return whether the prediction, rounded, is right: bool (N,)."""
        return prediction.round() == target

    def render(self, digits: DigitSet, u: Tensor) -> tuple[Tensor, Tensor]:
        """Return pictures (N, 1, size, size) of ``digits`` and the answers (N,), from ``u`` (N, draws) in [0, 1)."""
        how_many, order, which = u.split((1, self.side**2, self.side**2), -1)
        count = self.fewest + (how_many * (self.most - self.fewest + 1)).long()
        filled = order.argsort(-1).argsort(-1) < count
        index = (which * len(digits)).long()
        cells = digits.images[index][..., 0, :, :] * filled[..., None, None]
        rows = cells.unflatten(1, (self.side, self.side)).movedim(2, 3)  # row of cells, pixel row, column of cells
        even = (digits.labels[index] % 2 == 0) & filled
        return rows.flatten(3, 4).flatten(1, 2)[:, None], even.sum(-1).to(torch.float32)
