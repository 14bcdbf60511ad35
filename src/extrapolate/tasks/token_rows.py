"""Pairs of token sequences with one byte per token, so that millions of pairs fit into memory."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from extrapolate import ops


@dataclass(frozen=True, eq=False)
class TokenRows:
    """Token sequences, uint8: row i of ``targets`` (N, T) belongs to row i of ``inputs`` (N, S)."""

    inputs: Tensor
    targets: Tensor

    @classmethod
    def of(cls, parts: Iterable[tuple[Tensor, Tensor]], pad: int = 0) -> "TokenRows":
        """Join parts of different widths; shorter rows are padded with ``pad``.

        Raises:
            ValueError: a token is above 255, or ``parts`` is empty.
        """
        inputs, targets = zip(*((_bytes(one), _bytes(other)) for one, other in parts), strict=True)
        return cls(_join(inputs, pad), _join(targets, pad))

    def __len__(self) -> int:
        return len(self.targets)

    def to(self, device: torch.device | str) -> "TokenRows":
        return TokenRows(self.inputs.to(device), self.targets.to(device))

    def first(self, count: int) -> "TokenRows":
        """Return a view of the first ``count`` rows."""
        return TokenRows(self.inputs[:count], self.targets[:count])

    def spread(self, count: int) -> "TokenRows":
        """Return ``count`` evenly spaced rows, or all rows if there are fewer."""
        if count >= len(self):
            return self
        index = torch.arange(count, device=self.targets.device) * len(self) // count
        return TokenRows(self.inputs[index], self.targets[index])

    def pick(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """Return the rows ``floor(u * N)``, int64 (B, S) and (B, T), for ``u`` (B,) in [0, 1)."""
        index = (u.double() * len(self)).long()  # float32 distinguishes at most 2^24 rows
        return self.inputs[index].long(), self.targets[index].long()

    def sample(self, batch: int, key: Tensor) -> tuple[Tensor, Tensor]:
        """Sample rows with replacement, in the format of :meth:`pick`."""
        return self.pick(ops.uniform(key, (batch,)))

    def tensors(self) -> tuple[Tensor, Tensor]:
        """Return all rows as int64."""
        return self.inputs.long(), self.targets.long()


def _bytes(tokens: Tensor) -> Tensor:
    if tokens.numel() and int(tokens.max()) > 255:
        raise ValueError(f"tokens must be at most 255, got {int(tokens.max())}")
    return tokens.to(torch.uint8)


def _join(parts: Sequence[Tensor], pad: int) -> Tensor:
    longest = max(part.shape[1] for part in parts)
    return torch.cat([F.pad(part, (0, longest - part.shape[1]), value=pad) for part in parts])
