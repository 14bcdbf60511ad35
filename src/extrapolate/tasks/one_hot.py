"""Numbers as one-hot digits, least significant first, and tasks whose examples all fit into a table of them."""

import functools
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from extrapolate import ops


def digits_of(number: Tensor, count: int) -> Tensor:
    """int64 (N,) to the last ``count`` decimal digits, int64 (N, count)."""
    places = 10 ** torch.arange(count, device=number.device)
    return number[..., None] // places % 10


def one_hot(index: Tensor, size: int) -> Tensor:
    """int64 (...) to float32 (..., size). torch's own looks at the values, which vmap and the compiler forbid."""
    return (index[..., None] == torch.arange(size, device=index.device)).float()


@dataclass(frozen=True)
class TwoNumbers(ABC):
    """Functions of two numbers below 10^digits."""

    digits: int = 2

    #: All functions there are.
    functions: ClassVar[tuple[str, ...]]

    @property
    @abstractmethod
    def sampled(self) -> tuple[str, ...]:
        """The functions that examples are sampled of, each equally likely."""

    @abstractmethod
    def encode(self, a: Tensor, b: Tensor, function: Tensor) -> tuple[Tensor, Tensor]:
        """int64 (N,) each to inputs (N, in_features), float32, and the answers, int64, the digits last in each."""

    @abstractmethod
    def read(self, logits: Tensor, answer: Tensor) -> Tensor:
        """The logits (N, digits, 10) of the digits of ``answer``."""

    @property
    def modulus(self) -> int:
        return 10**self.digits

    def sample(self, batch: int, key: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs (batch, in_features), float32, and the answers, int64: see :meth:`encoded`."""
        return self.sample_pairs(ops.uniform(key, (3, batch)), self.sampled)

    def splits(self) -> dict[str, tuple[Tensor, Tensor]]:
        """All examples of each function by its name, and of all of them: ``validation`` and ``test``, the same."""
        tables = {each: self.table(each) for each in self.sampled}
        x, answer = (torch.cat(parts) for parts in zip(*tables.values(), strict=True))
        return {"validation": (x, answer), **tables, "test": (x, answer)}

    def solved(self, prediction: Tensor, target: Tensor) -> Tensor:
        """bool (N,): whether everything in an answer is right."""
        return (prediction == target).all(-1)

    def sample_pairs(self, u: Tensor, functions: tuple[str, ...]) -> tuple[Tensor, Tensor]:
        """Examples of ``functions`` from uniform numbers ``u`` (3, N) in [0, 1): see :meth:`encoded`."""
        a, b = (u[:2] * self.modulus).long()
        choice = torch.tensor([self.functions.index(each) for each in functions], device=u.device)
        function = choice[(u[2] * len(functions)).long()]
        x, answer = _everything(type(self), self.digits, u.device)
        row = (function * self.modulus + a) * self.modulus + b
        return x[row], answer[row]

    def table(self, function: str) -> tuple[Tensor, Tensor]:
        """All examples of one function: see :meth:`encoded`."""
        a, b = torch.cartesian_prod(torch.arange(self.modulus), torch.arange(self.modulus)).unbind(1)
        return self.encode(a, b, torch.full_like(a, self.functions.index(function)))

    def loss(self, logits: Tensor, answer: Tensor) -> Tensor:
        """Mean cross-entropy over examples and digits; ``logits`` (N, out_features)."""
        return F.cross_entropy(self.read(logits, answer).flatten(0, 1), answer[..., -self.digits :].flatten())

    def right(self, logits: Tensor, answer: Tensor) -> Tensor:
        """bool (N,): whether all digits are right."""
        return (self.read(logits, answer).argmax(-1) == answer[..., -self.digits :]).all(-1)


@functools.cache
def _everything(kind: type[TwoNumbers], digits: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """The tables of all functions, one after another: looking an example up takes less time than encoding it."""
    x, answer = zip(*(kind(digits).table(each) for each in kind.functions), strict=True)
    return torch.cat(x).to(device), torch.cat(answer).to(device)
