"""A made-up picture, to be fitted as a function of its coordinates."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Picture:
    """Colours in [0, 1] over the unit square: a shaded disk with a sharp edge before waves of several frequencies."""

    size: int = 64

    def pixels(self) -> tuple[Tensor, Tensor]:
        """Coordinates of the pixels' centres (N, 2) in [0, 1]^2, and their colours (N, 3), N = size²."""
        centres = (torch.arange(self.size, dtype=torch.float64) + 0.5) / self.size
        places = torch.stack(torch.meshgrid(centres, centres, indexing="ij"), -1).view(-1, 2)
        return places.float(), self.colours(places).float()

    @staticmethod
    def colours(places: Tensor) -> Tensor:
        """(N, 3) at places (N, 2)."""
        x, y = places.unbind(-1)
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
