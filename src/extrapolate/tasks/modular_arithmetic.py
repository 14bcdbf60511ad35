"""Addition and multiplication modulo a power of ten, in one-hot digits: two functions for one network."""

import functools
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from extrapolate.tasks.one_hot import digits_of, one_hot

MODULAR_OPERATIONS = ("add", "mul")


@dataclass(frozen=True)
class ModularArithmetic:
    """Two numbers and an operation's sign to the answer modulo 10^digits (arXiv 2010.02066).

    With two digits, 47 and 68 under ``add`` give 15 (115 modulo 100), and under ``mul`` 96 (3196 modulo 100).
    Digits are written least significant first, each one-hot: 4 × 10 inputs, then 2 for the operation; the answer
    has 2 × 10 logits. Right when all digits are. There are 20,000 examples, all of them in the training data: a
    network that is always right has learned the table, which is what masks are to take apart.
    """

    digits: int = 2

    @property
    def modulus(self) -> int:
        return 10**self.digits

    @property
    def in_features(self) -> int:
        return 20 * self.digits + len(MODULAR_OPERATIONS)

    @property
    def out_features(self) -> int:
        return 10 * self.digits

    def drawn(self, u: Tensor, operations: tuple[str, ...] = MODULAR_OPERATIONS) -> tuple[Tensor, Tensor]:
        """Examples of ``operations`` from uniform numbers ``u`` (3, N) in [0, 1): see :meth:`encoded`."""
        a, b = (u[:2] * self.modulus).long()
        choice = torch.tensor([MODULAR_OPERATIONS.index(each) for each in operations], device=u.device)
        operation = choice[(u[2] * len(operations)).long()]
        x, answer = _everything(self, u.device)
        row = (operation * self.modulus + a) * self.modulus + b
        return x[row], answer[row]

    def table(self, operation: str) -> tuple[Tensor, Tensor]:
        """All examples of one operation: see :meth:`encoded`."""
        a, b = torch.cartesian_prod(torch.arange(self.modulus), torch.arange(self.modulus)).unbind(1)
        return self.encoded(a, b, torch.full_like(a, MODULAR_OPERATIONS.index(operation)))

    def encoded(self, a: Tensor, b: Tensor, operation: Tensor) -> tuple[Tensor, Tensor]:
        """int64 (N,) each to inputs (N, in_features), float32, and the answer's digits (N, digits), int64."""
        operands = torch.cat([digits_of(a, self.digits), digits_of(b, self.digits)], -1)
        x = torch.cat([one_hot(operands, 10).flatten(-2), one_hot(operation, len(MODULAR_OPERATIONS))], -1)
        return x, digits_of(torch.where(operation == 0, a + b, a * b), self.digits)

    def loss(self, logits: Tensor, answer: Tensor) -> Tensor:
        """Mean cross-entropy over examples and digits; ``logits`` (N, out_features)."""
        return F.cross_entropy(logits.unflatten(-1, (self.digits, 10)).flatten(0, 1), answer.flatten())

    def right(self, logits: Tensor, answer: Tensor) -> Tensor:
        """bool (N,): whether all digits are right."""
        return (logits.unflatten(-1, (self.digits, 10)).argmax(-1) == answer).all(-1)


@functools.cache
def _everything(task: ModularArithmetic, device: torch.device) -> tuple[Tensor, Tensor]:
    """The tables of all operations, one after another: looking an example up takes less time than encoding it."""
    x, answer = zip(*(task.table(each) for each in MODULAR_OPERATIONS), strict=True)
    return torch.cat(x).to(device), torch.cat(answer).to(device)
