"""Pairs of token sequences in one byte a token: a data set of millions of them fits into memory."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from extrapolate import ops


@dataclass(frozen=True, eq=False)
class TokenRows:
    """``inputs`` (N, S) and ``targets`` (N, T), uint8; row i of one belongs to row i of the other."""

    inputs: Tensor
    targets: Tensor

    @classmethod
    def of(cls, parts: Iterable[tuple[Tensor, Tensor]], pad: int = 0) -> "TokenRows":
        """Join parts of unlike widths, filled up with ``pad``.

        Raises:
            ValueError: a token is above 255, or there is no part.
        """
        inputs, targets = zip(*((_bytes(one), _bytes(other)) for one, other in parts), strict=True)
        return cls(_join(inputs, pad), _join(targets, pad))

    def __len__(self) -> int:
        return len(self.targets)

    def to(self, device: torch.device | str) -> "TokenRows":
        return TokenRows(self.inputs.to(device), self.targets.to(device))

    def first(self, count: int) -> "TokenRows":
        """The first ``count`` rows, in the same memory."""
        return TokenRows(self.inputs[:count], self.targets[:count])

    def spread(self, count: int) -> "TokenRows":
        """At most ``count`` rows, at evenly spread places."""
        if count >= len(self):
            return self
        places = torch.arange(count, device=self.targets.device) * len(self) // count
        return TokenRows(self.inputs[places], self.targets[places])

    def pick(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """The rows at ``u`` (B,), in [0, 1), of the whole: int64 (B, S) and (B, T)."""
        places = (u.double() * len(self)).long()  # float32 tells no more than 2^24 places apart
        return self.inputs[places].long(), self.targets[places].long()

    def sample(self, batch: int, key: Tensor) -> tuple[Tensor, Tensor]:
        """Rows drawn with replacement, as :meth:`pick` returns them."""
        return self.pick(ops.uniform(key, (batch,)))

    def tensors(self) -> tuple[Tensor, Tensor]:
        """All rows, int64."""
        return self.inputs.long(), self.targets.long()


def _bytes(tokens: Tensor) -> Tensor:
    if tokens.numel() and int(tokens.max()) > 255:
        raise ValueError(f"tokens must be at most 255, got {int(tokens.max())}")
    return tokens.to(torch.uint8)


def _join(parts: Sequence[Tensor], pad: int) -> Tensor:
    longest = max(part.shape[1] for part in parts)
    return torch.cat([F.pad(part, (0, longest - part.shape[1]), value=pad) for part in parts])
