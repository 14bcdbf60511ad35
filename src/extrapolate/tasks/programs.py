"""Small programs as sequences of symbols, and their values."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from extrapolate import ops

OPERATORS = ("+", "-", "×")

#: All symbols. The token of a symbol is its index. "number" stands for a whole number.
SYMBOLS = ("number", *"0123456789", *OPERATORS, "if", "==", ":", "else", "=")

TOKEN = {symbol: token for token, symbol in enumerate(SYMBOLS)}


@dataclass(frozen=True)
class Script:
    """A kind of program.

    Attributes:
        title: a short description.
        pattern: the symbols in order; a letter stands for a number, ``op`` for an operator.
        operators: the possible values of ``op``.
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

#: Factors by which the limit of the training numbers is multiplied in the test sets.
TIMES = (1, 10, 100)

#: Seeds of the fixed sets; the seed of a test set is ``TEST_SEED`` plus its factor of ``TIMES``.
VALIDATION_SEED, TEST_SEED = 1, 100


@dataclass(frozen=True)
class Programs:
    """Read a program and predict its value (after Trask et al. 2018, section 4.4).

    There are three kinds. ``add``: ``3 + 7 =`` gives 10. ``if``: ``if 5 == 5 : 3 + 4 else 8 - 9 =`` gives 7; if the
    compared numbers differ, the value is that after ``else``, here 8 - 9 = -1. Each operator is + or -, equally
    likely. ``if-times``: like ``if``, with the operators +, - and ×, equally likely. Numbers are independent and
    uniform integers from 0 to ``limit`` - 1. In half of the programs the compared numbers are equal by construction;
    in the others they may be equal by chance.

    A number is one symbol with a value. With ``digits`` it is written digit by digit, padded with zeros to the number
    of digits of the largest number, ``limit - 1``: if that is 99, then 7 is ``07``. All programs of one kind and
    limit have the same length.

    Errors are in units of ``limit`` for sums and differences and of ``limit``² for products, because answers grow
    with these.

    Args:
        script: the kind of program.
        limit: all training numbers are smaller; the limit of the test is 100 times larger.
        digits: write numbers digit by digit.
    """

    script: Script
    limit: int = 10
    digits: bool = False

    #: A model with a smaller mean error has learned the task.
    threshold = 0.01

    #: Random numbers per program: six numbers, two operators, and the equality of the compared numbers.
    draws = len(NUMBERS) + 3

    def __post_init__(self) -> None:
        if self.limit < 2:
            raise ValueError(f"limit must be at least 2, got {self.limit}")

    def sample(self, batch: int, key: Tensor) -> tuple[Tensor, ...]:
        """Sample training programs and their values.

        Returns:
            Four tensors. Indices of ``SYMBOLS``, int64 (batch, T). The value of each number or digit, and 1 for other
            symbols, float32 (batch, T). The unit of the error, ``limit`` or ``limit``², float32 (batch,). The value
            of the program, float32 (batch,).
        """
        return self.sample_programs(ops.uniform(key, (self.draws, batch)))

    def splits(self, count: int = 1_000) -> dict[str, tuple[Tensor, ...]]:
        """Return four splits of ``count`` programs in the format of :meth:`sample`.

        ``validation`` and ``interpolation`` have the training limit; ``test_10`` and ``test`` have a limit 10 and 100
        times larger.
        """
        test = [(replace(self, limit=by * self.limit), TEST_SEED + by) for by in TIMES]
        names = ("validation", "interpolation", "test_10", "test")
        return {
            name: task.sample_programs(torch.rand((self.draws, count), generator=torch.Generator().manual_seed(seed)))
            for name, (task, seed) in zip(names, [(self, VALIDATION_SEED), *test], strict=True)
        }

    def solved(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return whether the prediction, rounded, is right: bool (N,)."""
        return prediction.round() == target

    def sample_programs(self, u: Tensor) -> tuple[Tensor, ...]:
        """Return programs from random numbers ``u`` (draws, N) in [0, 1), in the format of :meth:`sample`."""
        numbers = dict(zip(NUMBERS, (u[: len(NUMBERS)] * self.limit).long(), strict=True))
        numbers["b"] = torch.where(u[-1] < 0.5, numbers["a"], numbers["b"])
        first, second = (u[-3:-1] * len(self.script.operators)).long()
        condition = numbers["a"] == numbers["b"] if "if" in self.script.pattern else torch.ones_like(u[0]).bool()
        operator = torch.where(condition, first, second)
        left = torch.where(condition, numbers["c"], numbers["e"]).float()
        right = torch.where(condition, numbers["d"], numbers["f"]).float()
        results = torch.stack([left + right, left - right, left * right])
        answer = results.gather(0, operator[None])[0]
        reach = torch.where(operator == OPERATORS.index("×"), float(self.limit) ** 2, float(self.limit))
        symbols, values = self._tokenize(numbers, [first, second])
        return symbols.movedim(0, -1), values.movedim(0, -1), reach, answer

    def _tokenize(self, operands: dict[str, Tensor], operators: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Return symbols and values (T, N) of the pattern with these numbers and operators."""
        one, left = torch.ones_like(operands["a"]), list(operators)
        sequence: list[tuple[Tensor, Tensor]] = []
        for symbol in self.script.pattern:
            if symbol in operands:
                sequence += self._number(operands[symbol])
            elif symbol == "op":
                sequence.append((left.pop(0) + TOKEN[OPERATORS[0]], one))
            else:
                sequence.append((torch.full_like(one, TOKEN[symbol]), one))
        symbols, values = zip(*sequence, strict=True)
        return torch.stack(symbols), torch.stack(values).float()

    def _number(self, number: Tensor) -> list[tuple[Tensor, Tensor]]:
        if not self.digits:
            return [(torch.full_like(number, TOKEN["number"]), number)]
        digits = [number // 10**power % 10 for power in reversed(range(len(str(self.limit - 1))))]
        return [(digit + TOKEN["0"], digit) for digit in digits]
