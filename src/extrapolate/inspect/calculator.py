"""A trained Neural GPU as a calculator: two whole numbers go in, it takes its steps, one number comes out."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from extrapolate._runtime.errors import UserError
from extrapolate.inspect.expression import decimal
from extrapolate.nn import DiagonalNeuralGPU, NeuralGPUEnsemble, list_pretrained, load_pretrained_config
from extrapolate.tasks import Addition, Examples, Multiplication
from extrapolate.tasks.algorithms import PAD, PLUS, TIMES

TASKS: dict[str, type[Addition] | type[Multiplication]] = {
    "addition": Addition,
    "multiplication": Multiplication,
}
SIGNS = {"addition": "+", "multiplication": "×"}

#: Places at which a long computation is timed beforehand, and for how many steps; steps between two looks at a clock.
TIMED, TRIED, TOGETHER = 2048, 4, 16


@dataclass(frozen=True)
class Calculator:
    """A network, the task it was trained on, and what its folder says of it."""

    source: str
    model: DiagonalNeuralGPU | NeuralGPUEnsemble
    task: Addition | Multiplication
    config: dict[str, Any]

    @classmethod
    def of(cls, operator: str, source: str | None) -> "Calculator":
        """The network ``source``, or the first that comes with the package and does this ``operation``.

        Raises:
            UserError: there is none, or it was trained on something else.
        """
        if source is None:
            able = [name for name in list_pretrained() if _read_operator(load_pretrained_config(name)) == operator]
            if not able:
                raise UserError(f"no network for {operator} comes with the package: give one with --model DIR")
            source = able[0]
        config = load_pretrained_config(source)
        if _read_operator(config) != operator:
            raise UserError(f"{source} was trained on {_read_operator(config)}, not {operator}: give another --model")
        layout = {name: config["task"][name] for name in ("base", "zero_filled") if name in config["task"]}
        several = config.get("model") == NeuralGPUEnsemble.__name__
        kind = NeuralGPUEnsemble if several else DiagonalNeuralGPU
        return cls(source, kind.from_pretrained(source), TASKS[operator](**layout), config)

    @torch.no_grad()
    def seconds(self, positions: int) -> float:
        """About how long a computation of so many places takes here: every place changes in every step."""
        some = min(positions, TIMED)
        symbols = torch.ones(1, some, dtype=torch.int64)
        span = symbols.bool()
        state = self.model.advance_steps(self.model.begin(symbols), span, range(1))  # compilers and caches
        began = time.perf_counter()
        self.model.advance_steps(state, span, range(TRIED))
        return (time.perf_counter() - began) / TRIED * positions / some * (positions + self.model.extra_steps)

    @torch.no_grad()
    def classes(self, state: Tensor) -> Tensor:
        """The classes (n,) that a state (1, n, m) is read as."""
        return self.model.read(state)[0].argmax(-1)


def _read_operator(config: dict[str, Any]) -> str:
    task = config.get("task")
    return str(task.get("name")) if isinstance(task, dict) else "nothing that is known"


@dataclass(frozen=True)
class Question:
    """What is to be computed, by which network."""

    left: int
    operator: str
    right: int
    calculator: Calculator

    @property
    def text(self) -> str:
        return f"{decimal(self.left)} {SIGNS[self.operator]} {decimal(self.right)}"

    @property
    def width(self) -> int:
        """Bits of each operand; of small ones as many as the longest that the network was trained on."""
        least = int(self.calculator.config["task"].get("trained_bits", 1))
        return max(self.left.bit_length(), self.right.bit_length(), least)

    @property
    def positions(self) -> int:
        """Of the sequence: both operands in binary, the operator between them."""
        return 2 * self.width + 1

    @property
    def steps(self) -> int:
        """That the network takes."""
        return self.positions + self.calculator.model.extra_steps

    @cached_property
    def examples(self) -> Examples:
        """The sequence that is given to the network, and what it should become, (1, n) each."""
        return self.calculator.task.of_numbers([(self.left, self.right)], self.width)

    @property
    def exact(self) -> int:
        return self.left + self.right if self.operator == "addition" else self.left * self.right

    @torch.no_grad()
    def states(self) -> list[Tensor]:
        """The state (1, n, m) before the first step, and after each."""
        return list(self.calculator.model.states(self.examples.symbols))

    @torch.no_grad()
    def last_state(self, progress: Callable[[int], object]) -> Tensor:
        """The state after all steps; ``progress`` is told now and then how many are done."""
        symbols, model = self.examples.symbols, self.calculator.model
        span, state = symbols.bool(), model.begin(symbols)
        for first in range(0, self.steps, TOGETHER):
            steps = range(first, min(first + TOGETHER, self.steps))
            state = model.advance_steps(state, span, steps)
            progress(steps.stop)
        return state

    def describe_answer(self, state: Tensor) -> dict[str, Any]:
        """The object of ``--json``: answer and exact as texts of digits, correct, steps."""
        classes = self.calculator.classes(state)
        number = self.calculator.task.number(classes)
        return {
            "answer": None if number is None else decimal(number),
            "exact": decimal(self.exact),
            "correct": bool((classes == self.examples.answer[0]).all()),
            "steps": self.steps,
        }


def letters(classes: Tensor) -> str:
    """A row of classes, or of symbols, as text: digits, a blank for padding, the operator as a sign."""
    signs = {PAD: " ", PLUS: SIGNS["addition"], TIMES: SIGNS["multiplication"]}
    return "".join(signs.get(each, str(each - 1)) for each in classes.tolist())
