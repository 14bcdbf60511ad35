"""Two additions with an input and an output of their own each: one function in two places."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from extrapolate import ops
from extrapolate.tasks.one_hot import digits_of, one_hot

PAIRS = ("pair 1", "pair 2")


@dataclass(frozen=True)
class PairedAddition:
    """Two pairs of numbers, each to its sum modulo 10^digits; one pair at a time (arXiv 2010.02066).

    Digits are written least significant first, each one-hot. With two digits there are 40 inputs for either pair,
    those of the other one being 0, and 20 logits for either sum, of which those of the other one are not read.

    Args:
        pairs: those that examples are sampled of, each equally likely.
    """

    digits: int = 2
    pairs: tuple[str, ...] = PAIRS

    @property
    def modulus(self) -> int:
        return 10**self.digits

    @property
    def in_features(self) -> int:
        return 20 * self.digits * len(PAIRS)

    @property
    def out_features(self) -> int:
        return 10 * self.digits * len(PAIRS)

    def inputs_of(self, pair: str) -> slice:
        """The places of a pair's numbers among the inputs."""
        return _slot(pair, self.in_features)

    def outputs_of(self, pair: str) -> slice:
        """The places of a pair's sum among the logits."""
        return _slot(pair, self.out_features)

    def sample(self, batch: int, key: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs (batch, in_features), float32, and int64 (batch, 1 + digits): the pair, then the sum's digits."""
        return self.drawn(ops.uniform(key, (3, batch)), self.pairs)

    def splits(self) -> dict[str, tuple[Tensor, Tensor]]:
        """All examples of each pair by its name, and of all pairs: ``validation`` and ``test``, the same."""
        tables = {each: self.table(each) for each in self.pairs}
        x, answer = (torch.cat(parts) for parts in zip(*tables.values(), strict=True))
        return {"validation": (x, answer), **tables, "test": (x, answer)}

    def decode(self, logits: Tensor, pair: Tensor) -> Tensor:
        """The pair and its sum's likeliest digits, int64 (N, 1 + digits); ``pair`` int64 (N, 1)."""
        return torch.cat([pair, self._read(logits, pair).argmax(-1)], -1)

    def solved(self, prediction: Tensor, target: Tensor) -> Tensor:
        """bool (N,): whether the pair and all digits of its sum, int64 (N, 1 + digits) each, are right."""
        return (prediction == target).all(-1)

    def drawn(self, u: Tensor, pairs: tuple[str, ...] = PAIRS) -> tuple[Tensor, Tensor]:
        """Examples of ``pairs`` from uniform numbers ``u`` (3, N) in [0, 1): see :meth:`encoded`."""
        a, b = (u[:2] * self.modulus).long()
        choice = torch.tensor([PAIRS.index(each) for each in pairs], device=u.device)
        return self.encoded(a, b, choice[(u[2] * len(pairs)).long()])

    def table(self, pair: str) -> tuple[Tensor, Tensor]:
        """All examples of one pair: see :meth:`encoded`."""
        a, b = torch.cartesian_prod(torch.arange(self.modulus), torch.arange(self.modulus)).unbind(1)
        return self.encoded(a, b, torch.full_like(a, PAIRS.index(pair)))

    def encoded(self, a: Tensor, b: Tensor, pair: Tensor) -> tuple[Tensor, Tensor]:
        """int64 (N,) each to inputs (N, in_features) and int64 (N, 1 + digits): the pair, then the sum's digits."""
        operands = torch.cat([digits_of(a, self.digits), digits_of(b, self.digits)], -1)
        numbers = one_hot(operands, 10).flatten(-2)
        x = (one_hot(pair, len(PAIRS))[..., None] * numbers[..., None, :]).flatten(-2)
        return x, torch.cat([pair[..., None], digits_of(a + b, self.digits)], -1)

    def loss(self, logits: Tensor, answer: Tensor) -> Tensor:
        """Mean cross-entropy over examples and digits; ``logits`` (N, out_features)."""
        return F.cross_entropy(self._read(logits, answer[..., :1]).flatten(0, 1), answer[..., 1:].flatten())

    def right(self, logits: Tensor, answer: Tensor) -> Tensor:
        """bool (N,): whether all digits of the pair's sum are right."""
        return self.solved(self.decode(logits, answer[..., :1]), answer)

    def _read(self, logits: Tensor, pair: Tensor) -> Tensor:
        """The logits (N, digits, 10) of the pair that was asked for; ``pair`` (N, 1)."""
        first, second = logits.unflatten(-1, (len(PAIRS), self.digits, 10)).unbind(-3)
        return torch.where(pair[..., None] == 0, first, second)


def _slot(pair: str, size: int) -> slice:
    half, place = size // len(PAIRS), PAIRS.index(pair)
    return slice(place * half, (place + 1) * half)
