"""Remember the first symbol of a long sequence (Hochreiter & Schmidhuber 1997, problem 2b)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from extrapolate import ops


@dataclass(frozen=True)
class LongDependency:
    """At the end of a sequence, predict the sign of its first element.

    Elements are vectors of ``symbols`` dimensions. The first element is +1 or -1 on dimension 0. Every later
    element is +1 on a dimension sampled uniformly with replacement (dimension 0 included). Index i < ``symbols``
    stands for +1 on dimension i; index ``symbols`` stands for -1 on dimension 0. Source: Martin & Cundy 2018,
    section 4.3, with 128 dimensions.
    """

    length: int
    symbols: int = 128

    def sample(self, batch: int, key: Tensor) -> tuple[Tensor, Tensor]:
        """Sample element indices, int64 (batch, T), and targets, float32 (batch,): 1 if the first is +1, else 0."""
        return self.sequences(ops.uniform(key, (batch, self.length)))

    def splits(self, count: int = 100) -> dict[str, tuple[Tensor, Tensor]]:
        """Return ``validation`` and ``test``: ``count`` sequences each, with the training length."""
        shape = (count, self.length)
        return {
            name: self.sequences(torch.rand(shape, generator=torch.Generator().manual_seed(seed)))
            for name, seed in (("validation", 1), ("test", 2))
        }

    def solved(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return whether the predicted probability of +1, float32 (N,), rounds to the target: bool (N,)."""
        return prediction.round() == target

    def sequences(self, uniform: Tensor) -> tuple[Tensor, Tensor]:
        """Return sequences in the format of :meth:`sample`, from ``uniform`` (batch, T) in [0, 1)."""
        positive = uniform[:, 0] < 0.5
        elements = (uniform * self.symbols).long()
        first = torch.where(positive, 0, self.symbols)
        return torch.cat([first[:, None], elements[:, 1:]], 1), positive.float()

    def one_hot(self, elements: Tensor) -> Tensor:
        """Return the network's inputs, float32 (B, T, symbols), of element indices (B, T)."""
        vectors = torch.zeros(*elements.shape, self.symbols, device=elements.device)
        values = torch.where(elements == self.symbols, -1.0, 1.0)
        return vectors.scatter_(-1, (elements % self.symbols)[..., None], values[..., None])
