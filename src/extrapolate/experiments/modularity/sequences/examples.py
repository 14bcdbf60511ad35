"""Examples that a network draws batches from, or is asked all of."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

#: Examples that are asked at once.
TOGETHER = 512


@dataclass(frozen=True)
class Examples:
    """Questions (N, S) and answers (N, T), in uint8: they are many. ``pad`` stands behind the end of an answer."""

    asked: Tensor
    answer: Tensor
    pad: int

    @classmethod
    def of(
        cls, parts: Iterable[tuple[Tensor, Tensor]], asked_pad: int, pad: int, device: torch.device | str
    ) -> "Examples":
        """Some after others, each with padding of its own length."""
        asked, answer = zip(
            *((one.to(torch.uint8), other.to(torch.uint8)) for one, other in parts), strict=True
        )
        return cls(_joined(asked, asked_pad).to(device), _joined(answer, pad).to(device), pad)

    def __len__(self) -> int:
        return len(self.answer)

    def first(self, count: int) -> "Examples":
        return Examples(self.asked[:count], self.answer[:count], self.pad)

    def drawn(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """A batch for uniform numbers u (B,) in [0, 1), in their order."""
        return self._of((u.double() * len(self)).long())

    def some(self, count: int) -> "Examples":
        """At most so many, from evenly spread places."""
        if count >= len(self):
            return self
        places = torch.arange(count, device=self.answer.device) * len(self) // count
        return Examples(self.asked[places], self.answer[places], self.pad)

    def parts(self) -> Iterator[tuple[Tensor, Tensor]]:
        """All, the short answers first: answering a part takes as many steps as its longest answer has."""
        lengths = (self.answer != self.pad).sum(1)
        for places in lengths.argsort(stable=True).split(TOGETHER):
            yield self._of(places)

    def _of(self, places: Tensor) -> tuple[Tensor, Tensor]:
        answer = self.answer[places]
        longest = int((answer != self.pad).sum(1).max())
        return self.asked[places].long(), answer[:, :longest].long()


def _joined(parts: Sequence[Tensor], pad: int) -> Tensor:
    longest = max(each.shape[1] for each in parts)
    return torch.cat([F.pad(each, (0, longest - each.shape[1]), value=pad) for each in parts])
