"""Numbers as one-hot digits, least significant first, and tasks whose examples all fit into a table."""

import functools
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from extrapolate import ops


def digits_of(number: Tensor, count: int) -> Tensor:
    """Return the last ``count`` decimal digits, int64 (N, count), of numbers, int64 (N,)."""
    powers = 10 ** torch.arange(count, device=number.device)
    return number[..., None] // powers % 10


def one_hot(index: Tensor, size: int) -> Tensor:
    """Return one-hot vectors, float32 (..., size), of ``index``, int64 (...).

    Unlike ``F.one_hot`` this works under ``vmap`` and ``torch.compile``, because it does not read the values.
    """
    return (index[..., None] == torch.arange(size, device=index.device)).float()


@dataclass(frozen=True)
class TwoNumbers(ABC):
    """Tasks that compute functions of two numbers below 10^digits."""

    digits: int = 2

    #: Names of all functions.
    functions: ClassVar[tuple[str, ...]]

    @property
    @abstractmethod
    def sampled(self) -> tuple[str, ...]:
        """The functions to sample, each equally likely."""

    @abstractmethod
    def encode(self, a: Tensor, b: Tensor, function: Tensor) -> tuple[Tensor, Tensor]:
        """Encode operands and function indices, int64 (N,) each, as inputs and answers.

        Inputs are float32 (N, in_features). Answers are int64 with the digits last.
        """

    @abstractmethod
    def read(self, logits: Tensor, answer: Tensor) -> Tensor:
        """Select the logits (N, digits, 10) of the digits of ``answer``."""

    @property
    def modulus(self) -> int:
        return 10**self.digits

    def sample(self, batch: int, key: Tensor) -> tuple[Tensor, Tensor]:
        """Sample inputs (batch, in_features), float32, and answers, int64, in the format of :meth:`encode`."""
        return self.sample_pairs(ops.uniform(key, (3, batch)), self.sampled)

    def splits(self) -> dict[str, tuple[Tensor, Tensor]]:
        """Return all examples of each function under its name; ``validation`` and ``test`` both hold all of them."""
        tables = {each: self.table(each) for each in self.sampled}
        x, answer = (torch.cat(parts) for parts in zip(*tables.values(), strict=True))
        return {"validation": (x, answer), **tables, "test": (x, answer)}

    def solved(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return whether all elements of an answer are right: bool (N,)."""
        return (prediction == target).all(-1)

    def sample_pairs(self, u: Tensor, functions: tuple[str, ...]) -> tuple[Tensor, Tensor]:
        """Return examples of ``functions`` from ``u`` (3, N) in [0, 1), in the format of :meth:`encode`."""
        a, b = (u[:2] * self.modulus).long()
        choice = torch.tensor([self.functions.index(each) for each in functions], device=u.device)
        function = choice[(u[2] * len(functions)).long()]
        x, answer = _everything(type(self), self.digits, u.device)
        row = (function * self.modulus + a) * self.modulus + b
        return x[row], answer[row]

    def table(self, function: str) -> tuple[Tensor, Tensor]:
        """Return all examples of one function, in the format of :meth:`encode`."""
        a, b = torch.cartesian_prod(torch.arange(self.modulus), torch.arange(self.modulus)).unbind(1)
        return self.encode(a, b, torch.full_like(a, self.functions.index(function)))

    def loss(self, logits: Tensor, answer: Tensor) -> Tensor:
        """Return the mean cross-entropy over examples and digits of ``logits`` (N, out_features)."""
        return F.cross_entropy(self.read(logits, answer).flatten(0, 1), answer[..., -self.digits :].flatten())

    def right(self, logits: Tensor, answer: Tensor) -> Tensor:
        """Return whether all digits are right: bool (N,)."""
        return (self.read(logits, answer).argmax(-1) == answer[..., -self.digits :]).all(-1)


@functools.cache
def _everything(kind: type[TwoNumbers], digits: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the concatenated tables of all functions: a lookup is faster than encoding."""
    x, answer = zip(*(kind(digits).table(each) for each in kind.functions), strict=True)
    return torch.cat(x).to(device), torch.cat(answer).to(device)
