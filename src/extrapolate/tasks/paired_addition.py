"""Two additions with an input and an output of their own each: one function in two places."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from extrapolate.tasks.one_hot import digits_of, one_hot

PAIRS = ("pair 1", "pair 2")


@dataclass(frozen=True)
class PairedAddition:
    """Two pairs of numbers, each to its sum modulo 10^digits; one pair at a time (arXiv 2010.02066).

    Digits are written least significant first, each one-hot. With two digits there are 40 inputs for either pair,
    those of the other one being 0, and 20 logits for either sum, of which those of the other one are not read.
    """

    digits: int = 2

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
        return F.cross_entropy(self._read(logits, answer).flatten(0, 1), answer[..., 1:].flatten())

    def right(self, logits: Tensor, answer: Tensor) -> Tensor:
        """bool (N,): whether all digits of the pair's sum are right."""
        return (self._read(logits, answer).argmax(-1) == answer[..., 1:]).all(-1)

    def _read(self, logits: Tensor, answer: Tensor) -> Tensor:
        """The logits (N, digits, 10) of the pair that was asked for."""
        first, second = logits.unflatten(-1, (len(PAIRS), self.digits, 10)).unbind(-3)
        return torch.where(answer[..., :1, None] == 0, first, second)


def _slot(pair: str, size: int) -> slice:
    half, place = size // len(PAIRS), PAIRS.index(pair)
    return slice(place * half, (place + 1) * half)
