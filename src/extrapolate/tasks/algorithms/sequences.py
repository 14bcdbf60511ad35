"""Tasks on sequences of abstract symbols (copy, reverse, duplicate, sort), and increment."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from extrapolate._runtime.errors import UserError
from extrapolate.tasks.algorithms.digits import check_base, increment
from extrapolate.tasks.algorithms.examples import Algorithm, Examples


@dataclass(frozen=True)
class _OnSequences(Algorithm):
    """Base class of tasks on sequences of the symbols 1 to ``kinds``."""

    length_rule: ClassVar[str] = "choose 1 or more"

    kinds: int = 2

    def __post_init__(self) -> None:
        if self.kinds < 1:
            raise UserError(f"kinds={self.kinds}: choose 1 or more")
        super().__post_init__()

    @property
    def symbols(self) -> int:
        return self.kinds + 1

    @property
    def classes(self) -> int:
        return self.kinds + 1

    def takes(self, length: int) -> bool:
        return length >= 1

    def examples(self, count: int, length: int, generator: torch.Generator) -> Examples:
        """Sample ``count`` examples of ``length`` uniform symbols."""
        self.check_length(length)
        return self.of(torch.randint(1, self.kinds + 1, (count, length), generator=generator))

    @abstractmethod
    def of(self, symbols: Tensor) -> Examples:
        """Return the examples of ``symbols``, int64 (B, n), from 1 to ``kinds``."""


@dataclass(frozen=True)
class Copy(_OnSequences):
    """Copy: ``1 2 2`` stays ``1 2 2``."""

    name: ClassVar[str] = "copy"

    def of(self, symbols: Tensor) -> Examples:
        return Examples(symbols, symbols)


@dataclass(frozen=True)
class Reverse(_OnSequences):
    """Reverse: ``1 2 2`` becomes ``2 2 1``."""

    name: ClassVar[str] = "reverse"

    def of(self, symbols: Tensor) -> Examples:
        return Examples(symbols, symbols.flip(1))


@dataclass(frozen=True)
class Duplicate(_OnSequences):
    """Duplicate: ``1 2`` and 3 padding symbols become ``1 2 1 2`` and 1; n positions have n // 2 symbols."""

    name: ClassVar[str] = "duplicate"
    length_rule: ClassVar[str] = "choose 2 or more"

    def takes(self, length: int) -> bool:
        return length >= 2

    def examples(self, count: int, length: int, generator: torch.Generator) -> Examples:
        """Sample ``count`` examples of ``length`` positions, half of them symbols."""
        self.check_length(length)
        half = torch.randint(1, self.kinds + 1, (count, length // 2), generator=generator)
        return self.of(half).pad(length)

    def of(self, symbols: Tensor) -> Examples:
        return Examples(F.pad(symbols, (0, symbols.shape[1])), torch.cat([symbols, symbols], 1))


@dataclass(frozen=True)
class Sort(_OnSequences):
    """Sort: ``2 1 2`` becomes ``1 2 2``. With two different symbols it is enough to count one of them."""

    name: ClassVar[str] = "sort"

    def of(self, symbols: Tensor) -> Examples:
        return Examples(symbols, symbols.sort(1).values)


@dataclass(frozen=True)
class Increment(_OnSequences):
    """Increment: ``2 2 1`` (011) becomes ``1 1 2`` (100) in base 2.

    Numbers are in base ``kinds``, least significant digit first. Digit v is symbol v + 1. A carry out of the last
    position is lost.
    """

    name: ClassVar[str] = "increment"

    def __post_init__(self) -> None:
        check_base(self.kinds)
        super().__post_init__()

    def of(self, symbols: Tensor) -> Examples:
        return Examples(symbols, increment(symbols - 1, self.kinds) + 1)
