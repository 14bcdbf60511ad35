"""A synthetic picture to fit as a function of coordinates."""

import math
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from extrapolate import ops

#: Number of points of the split ``validation``.
VALIDATED = 1_000


@dataclass(frozen=True)
class Picture:
    """Predict the colour, in [0, 1], at a point of the unit square.

    The picture is a shaded disk with a sharp edge in front of waves of several frequencies. Training and test
    pixels alternate as on a chessboard. No paper defines when a colour is right. Here each of the
    three components may be wrong by at most ``tolerance``.
    """

    size: int = 64

    #: Largest error of each component of a right colour.
    tolerance = 0.01

    def sample(self, batch: int, key: Tensor) -> tuple[Tensor, Tensor]:
        """Sample coordinates (batch, 2) of training pixels, and their colours (batch, 3), float32."""
        points, colours = _training(self, key.device)
        chosen = (ops.uniform(key, (batch,)) * len(points)).long()
        return points[chosen], colours[chosen]

    def splits(self) -> dict[str, tuple[Tensor, Tensor]]:
        """Return coordinates and colours: ``validation``, random points; ``test``, the held-out pixels."""
        anywhere = torch.rand((VALIDATED, 2), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        return {
            "validation": (anywhere.float(), self.colours(anywhere).float()),
            "test": self._pixels(held_out=True),
        }

    def solved(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return whether all three components of a colour are within ``tolerance``: bool (N,)."""
        return ((prediction - target).abs() <= self.tolerance).all(-1)

    def _pixels(self, *, held_out: bool) -> tuple[Tensor, Tensor]:
        points, colours = self.pixels()
        number = torch.arange(self.size**2)
        chosen = ((number // self.size + number % self.size) % 2 == 1) == held_out
        return points[chosen], colours[chosen]

    def pixels(self) -> tuple[Tensor, Tensor]:
        """Return the centres of all pixels (N, 2) in [0, 1]^2, and their colours (N, 3), N = size²."""
        centres = (torch.arange(self.size, dtype=torch.float64) + 0.5) / self.size
        points = torch.stack(torch.meshgrid(centres, centres, indexing="ij"), -1).view(-1, 2)
        return points.float(), self.colours(points).float()

    @staticmethod
    def colours(positions: Tensor) -> Tensor:
        """Return the colours (N, 3) at points (N, 2)."""
        x, y = positions.unbind(-1)
        turn = 2 * math.pi
        waves = [
            torch.sin(turn * (3 * x + y)) * torch.cos(turn * 2 * y),
            torch.sin(turn * (5 * y - 2 * x)),
            torch.cos(turn * (7 * x * y + x)),
        ]
        behind = 0.5 + 0.4 * torch.stack(waves, -1)
        distance = torch.hypot(x - 0.55, y - 0.45)
        disk = torch.stack([1 - distance, 0.2 + distance, 0.9 - 2 * distance], -1).clamp(0, 1)
        return torch.where((distance < 0.28)[:, None], disk, behind)


@cache
def _training(picture: Picture, device: torch.device) -> tuple[Tensor, Tensor]:
    points, colours = picture._pixels(held_out=False)
    return points.to(device), colours.to(device)
