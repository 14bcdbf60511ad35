"""A made-up picture, to be fitted as a function of its coordinates."""

import math
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from extrapolate import ops

#: Places between the pixels that choose the best step.
VALIDATED = 1_000


@dataclass(frozen=True)
class Picture:
    """Colours in [0, 1] over the unit square: a shaded disk with a sharp edge before waves of several frequencies.

    As on a chessboard, every other pixel is learned from and the others are the test. No paper says which colour is
    right; here each of its three numbers is, within ``tolerance``.
    """

    size: int = 64

    #: The largest error of a right colour.
    tolerance = 0.01

    def sample(self, batch: int, key: Tensor) -> tuple[Tensor, Tensor]:
        """Places (batch, 2) of training pixels, and their colours (batch, 3), float32."""
        places, colours = _training(self, key.device)
        chosen = (ops.uniform(key, (batch,)) * len(places)).long()
        return places[chosen], colours[chosen]

    def splits(self) -> dict[str, tuple[Tensor, Tensor]]:
        """Places and colours: ``validation``, anywhere in the square; ``test``, the pixels that are held out."""
        anywhere = torch.rand((VALIDATED, 2), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        return {
            "validation": (anywhere.float(), self.colours(anywhere).float()),
            "test": self._pixels(held_out=True),
        }

    def solved(self, prediction: Tensor, target: Tensor) -> Tensor:
        """bool (N,): whether all three numbers of a colour are right within ``tolerance``."""
        return ((prediction - target).abs() <= self.tolerance).all(-1)

    def _pixels(self, *, held_out: bool) -> tuple[Tensor, Tensor]:
        places, colours = self.pixels()
        number = torch.arange(self.size**2)
        chosen = ((number // self.size + number % self.size) % 2 == 1) == held_out
        return places[chosen], colours[chosen]

    def pixels(self) -> tuple[Tensor, Tensor]:
        """Coordinates of the pixels' centres (N, 2) in [0, 1]^2, and their colours (N, 3), N = size²."""
        centres = (torch.arange(self.size, dtype=torch.float64) + 0.5) / self.size
        places = torch.stack(torch.meshgrid(centres, centres, indexing="ij"), -1).view(-1, 2)
        return places.float(), self.colours(places).float()

    @staticmethod
    def colours(positions: Tensor) -> Tensor:
        """(N, 3) at places (N, 2)."""
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
    places, colours = picture._pixels(held_out=False)
    return places.to(device), colours.to(device)
