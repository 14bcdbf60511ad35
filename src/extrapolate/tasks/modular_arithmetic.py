"""Addition and multiplication modulo a power of ten, in one-hot digits: two functions for one network."""

import functools
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from extrapolate import ops
from extrapolate.tasks.one_hot import digits_of, one_hot

MODULAR_OPERATIONS = ("add", "mul")


@dataclass(frozen=True)
class ModularArithmetic:
    """Two numbers and an operation's sign to the answer modulo 10^digits (arXiv 2010.02066).

    With two digits, 47 and 68 under ``add`` give 15 (115 modulo 100), and under ``mul`` 96 (3196 modulo 100).
    Digits are written least significant first, each one-hot: 4 × 10 inputs, then 2 for the operation; the answer
    has 2 × 10 logits. Right when all digits are. There are 20,000 examples, all of them in the training data: a
    network that is always right has learned the table, which is what masks are to take apart.

    Args:
        operations: those that examples are sampled of, each equally likely.
    """

    digits: int = 2
    operations: tuple[str, ...] = MODULAR_OPERATIONS

    @property
    def modulus(self) -> int:
        return 10**self.digits

    @property
    def in_features(self) -> int:
        return 20 * self.digits + len(MODULAR_OPERATIONS)

    @property
    def out_features(self) -> int:
        return 10 * self.digits

    def sample(self, batch: int, key: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs (batch, in_features), float32, and the answers' digits (batch, digits), int64."""
        return self.drawn(ops.uniform(key, (3, batch)), self.operations)

    def splits(self) -> dict[str, tuple[Tensor, Tensor]]:
        """All examples of each operation by its name, and of all of them: ``validation`` and ``test``, the same."""
        tables = {each: self.table(each) for each in self.operations}
        x, answer = (torch.cat(parts) for parts in zip(*tables.values(), strict=True))
        return {"validation": (x, answer), **tables, "test": (x, answer)}

    def decode(self, logits: Tensor) -> Tensor:
        """The likeliest digits, int64 (N, digits), by ``logits`` (N, out_features)."""
        return logits.unflatten(-1, (self.digits, 10)).argmax(-1)

    def solved(self, prediction: Tensor, target: Tensor) -> Tensor:
        """bool (N,): whether all digits, int64 (N, digits) each, are right."""
        return (prediction == target).all(-1)

    def drawn(self, u: Tensor, operations: tuple[str, ...] = MODULAR_OPERATIONS) -> tuple[Tensor, Tensor]:
        """Examples of ``operations`` from uniform numbers ``u`` (3, N) in [0, 1): see :meth:`encoded`."""
        a, b = (u[:2] * self.modulus).long()
        choice = torch.tensor([MODULAR_OPERATIONS.index(each) for each in operations], device=u.device)
        operation = choice[(u[2] * len(operations)).long()]
        x, answer = _everything(self.digits, u.device)
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
        return self.solved(self.decode(logits), answer)


@functools.cache
def _everything(digits: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """The tables of all operations, one after another: looking an example up takes less time than encoding it."""
    task = ModularArithmetic(digits)
    x, answer = zip(*(task.table(each) for each in MODULAR_OPERATIONS), strict=True)
    return torch.cat(x).to(device), torch.cat(answer).to(device)
