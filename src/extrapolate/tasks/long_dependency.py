"""Remembering the first symbol of a long sequence (Hochreiter & Schmidhuber 1997, problem 2b)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from extrapolate import ops


@dataclass(frozen=True)
class LongDependency:
    """The sign of the first element, asked after the last.

    The first element is +1 or -1 on dimension 0; every later one is 1 on a dimension drawn uniformly, with
    replacement, dimension 0 included. Elements are given by number: 0 to ``symbols`` - 1 for 1 on that dimension,
    ``symbols`` for -1 on dimension 0. Source: Martin & Cundy 2018, section 4.3, with 128 dimensions.
    """

    length: int
    symbols: int = 128

    def sample(self, batch: int, key: Tensor) -> tuple[Tensor, Tensor]:
        """Elements, int64 (batch, T), and 1 where the first is +1, else 0, float32 (batch,)."""
        return self.sequences(ops.uniform(key, (batch, self.length)))

    def splits(self, count: int = 100) -> dict[str, tuple[Tensor, Tensor]]:
        """``count`` sequences for each of ``validation`` and ``test``, as long as those of the training."""
        shape = (count, self.length)
        return {
            name: self.sequences(torch.rand(shape, generator=torch.Generator().manual_seed(seed)))
            for name, seed in (("validation", 1), ("test", 2))
        }

    def solved(self, prediction: Tensor, target: Tensor) -> Tensor:
        """bool (N,): whether the probability of +1, float32 (N,), rounds to the target."""
        return prediction.round() == target

    def sequences(self, uniform: Tensor) -> tuple[Tensor, Tensor]:
        """As :meth:`sample`, from ``uniform`` (batch, T) in [0, 1)."""
        positive = uniform[:, 0] < 0.5
        elements = (uniform * self.symbols).long()
        first = torch.where(positive, 0, self.symbols)
        return torch.cat([first[:, None], elements[:, 1:]], 1), positive.float()

    def one_hot(self, elements: Tensor) -> Tensor:
        """What the network sees, float32 (B, T, symbols)."""
        seen = torch.zeros(*elements.shape, self.symbols, device=elements.device)
        values = torch.where(elements == self.symbols, -1.0, 1.0)
        return seen.scatter_(-1, (elements % self.symbols)[..., None], values[..., None])
