"""Small programs, read symbol by symbol, and what they evaluate to."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from extrapolate import ops

OPERATORS = ("+", "-", "×")

#: Every symbol there is; a symbol's index is its token. "number" is a number read whole.
SYMBOLS = ("number", *"0123456789", *OPERATORS, "if", "==", ":", "else", "=")

TOKEN = {symbol: token for token, symbol in enumerate(SYMBOLS)}


@dataclass(frozen=True)
class Script:
    """A kind of program.

    Attributes:
        title: what it is, in words.
        pattern: its symbols in order: a letter for a number, ``op`` for an operator.
        operators: what ``op`` may be.
    """

    name: str
    title: str
    pattern: tuple[str, ...]
    operators: tuple[str, ...]


CONDITION = ("if", "a", "==", "b", ":", "c", "op", "d", "else", "e", "op", "f", "=")

SCRIPTS: dict[str, Script] = {
    each.name: each
    for each in (
        Script("add", "adding two numbers", ("c", "+", "d", "="), ("+",)),
        Script("if", "a condition, sums and differences", CONDITION, ("+", "-")),
        Script("if-times", "a condition, sums, differences and products", CONDITION, OPERATORS),
    )
}

NUMBERS = "abcdef"

#: How many times larger than in training the numbers of the tests are.
TIMES = (1, 10, 100)

#: Seeds of the fixed sets; to the tests', how many times larger their numbers are is added.
VALIDATION_SEED, TEST_SEED = 1, 100


@dataclass(frozen=True)
class Programs:
    """Reading a program and giving its value (after Trask et al. 2018, section 4.4).

    Three kinds. ``add``: ``3 + 7 =`` gives 10. ``if``: ``if 5 == 5 : 3 + 4 else 8 - 9 =`` gives 7, and with another
    number than 5 behind ``==`` it gives -1; each operator is + or -, equally likely. ``if-times``: the same with +, -
    and ×. Numbers are whole, from 0 to ``limit`` - 1, all equally likely, each drawn anew; of the two that are
    compared, the second is a copy of the first in half of the programs, and may equal it by chance in the others.

    Read whole, a number is one symbol with its value; read by digits, as many as ``limit`` - 1 has, with zeros in
    front: 7 is ``07`` where numbers go up to 99. So all programs of a kind and limit are equally long.

    An error is counted in units of ``limit`` for sums and differences, of its square for products, which the size of
    an answer grows with.

    Args:
        script: the kind.
        limit: above every number of the training; the wider test has numbers up to a hundred times larger.
        digits: read numbers digit by digit.
    """

    script: Script
    limit: int = 10
    digits: bool = False

    #: The mean error below which it counts as learned.
    threshold = 0.01

    #: Uniform numbers for a program: six numbers, two operators, and whether the two compared are equal.
    draws = len(NUMBERS) + 3

    def __post_init__(self) -> None:
        if self.limit < 2:
            raise ValueError(f"limit must be at least 2, got {self.limit}")

    def sample(self, batch: int, key: Tensor) -> tuple[Tensor, ...]:
        """Training programs as they are read, with what they evaluate to.

        Returns:
            Indices of ``SYMBOLS``, int64 (batch, T); the number or the digit that stands there, 1 for other symbols,
            float32 (batch, T); the size that an answer to the program's operation can have, float32 (batch,); the
            answer, float32 (batch,).
        """
        return self.sample_programs(ops.uniform(key, (self.draws, batch)))

    def splits(self, count: int = 1_000) -> dict[str, tuple[Tensor, ...]]:
        """``count`` programs each, as :meth:`sample` returns them.

        ``validation``; ``interpolation``, others like those; ``test_10`` and ``test``, with numbers up to 10 and up
        to 100 times larger.
        """
        test = [(replace(self, limit=by * self.limit), TEST_SEED + by) for by in TIMES]
        names = ("validation", "interpolation", "test_10", "test")
        return {
            name: task.sample_programs(torch.rand((self.draws, count), generator=torch.Generator().manual_seed(seed)))
            for name, (task, seed) in zip(names, [(self, VALIDATION_SEED), *test], strict=True)
        }

    def solved(self, prediction: Tensor, target: Tensor) -> Tensor:
        """bool (N,): whether the answer is right once rounded."""
        return prediction.round() == target

    def sample_programs(self, u: Tensor) -> tuple[Tensor, ...]:
        """Programs from uniform numbers ``u`` (draws, N) in [0, 1), as :meth:`sample` returns them."""
        numbers = dict(zip(NUMBERS, (u[: len(NUMBERS)] * self.limit).long(), strict=True))
        numbers["b"] = torch.where(u[-1] < 0.5, numbers["a"], numbers["b"])
        first, second = (u[-3:-1] * len(self.script.operators)).long()
        taken = numbers["a"] == numbers["b"] if "if" in self.script.pattern else torch.ones_like(u[0]).bool()
        operator = torch.where(taken, first, second)
        left = torch.where(taken, numbers["c"], numbers["e"]).float()
        right = torch.where(taken, numbers["d"], numbers["f"]).float()
        results = torch.stack([left + right, left - right, left * right])
        answer = results.gather(0, operator[None])[0]
        reach = torch.where(operator == OPERATORS.index("×"), float(self.limit) ** 2, float(self.limit))
        symbols, values = self._tokenize(numbers, [first, second])
        return symbols.movedim(0, -1), values.movedim(0, -1), reach, answer

    def _tokenize(self, operands: dict[str, Tensor], operators: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Symbols and values (T, N) of the pattern with these numbers and operators in it."""
        none, left = torch.ones_like(operands["a"]), list(operators)
        written: list[tuple[Tensor, Tensor]] = []
        for symbol in self.script.pattern:
            if symbol in operands:
                written += self._number(operands[symbol])
            elif symbol == "op":
                written.append((left.pop(0) + TOKEN[OPERATORS[0]], none))
            else:
                written.append((torch.full_like(none, TOKEN[symbol]), none))
        symbols, values = zip(*written, strict=True)
        return torch.stack(symbols), torch.stack(values).float()

    def _number(self, number: Tensor) -> list[tuple[Tensor, Tensor]]:
        if not self.digits:
            return [(torch.full_like(number, TOKEN["number"]), number)]
        places = reversed(range(len(str(self.limit - 1))))
        digits = [number // 10**place % 10 for place in places]
        return [(digit + TOKEN["0"], digit) for digit in digits]
