"""A trained Neural GPU as a calculator: it computes the sum or the product of two whole numbers."""

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

#: The time of a long computation is estimated from this number of positions and steps.
TIMED_POSITIONS, TIMED_STEPS = 2048, 4

#: Steps between two calls of ``progress``.
PROGRESS_STEPS = 16


@dataclass(frozen=True)
class Calculator:
    """A network, the task it was trained on, and the configuration in its folder."""

    source: str
    model: DiagonalNeuralGPU | NeuralGPUEnsemble
    task: Addition | Multiplication
    config: dict[str, Any]

    @classmethod
    def of(cls, operator: str, source: str | None) -> "Calculator":
        """Load the network ``source``; if it is None, the first network of the package for this ``operator``.

        Raises:
            UserError: there is no such network, or it was trained on another operator.
        """
        if source is None:
            names = [name for name in list_pretrained() if _read_operator(load_pretrained_config(name)) == operator]
            if not names:
                raise UserError(f"the package has no network for {operator}: pass one with --model DIR")
            source = names[0]
        config = load_pretrained_config(source)
        if _read_operator(config) != operator:
            raise UserError(f"{source} was trained on {_read_operator(config)}, not {operator}: pass another --model")
        layout = {name: config["task"][name] for name in ("base", "zero_filled") if name in config["task"]}
        several = config.get("model") == NeuralGPUEnsemble.__name__
        kind = NeuralGPUEnsemble if several else DiagonalNeuralGPU
        return cls(source, kind.from_pretrained(source), TASKS[operator](**layout), config)

    @torch.no_grad()
    def seconds(self, positions: int) -> float:
        """Estimate the seconds of a computation on ``positions`` positions, from a few timed steps."""
        timed = min(positions, TIMED_POSITIONS)
        symbols = torch.ones(1, timed, dtype=torch.int64)
        span = symbols.bool()
        state = self.model.advance_steps(self.model.begin(symbols), span, range(1))  # warm-up: compilers and caches
        began = time.perf_counter()
        self.model.advance_steps(state, span, range(TIMED_STEPS))
        per_step = (time.perf_counter() - began) / TIMED_STEPS * positions / timed  # every position changes
        return per_step * (positions + self.model.extra_steps)

    @torch.no_grad()
    def classes(self, state: Tensor) -> Tensor:
        """Return the classes (n,) that the network reads from a state (1, n, m)."""
        return self.model.read(state)[0].argmax(-1)


def _read_operator(config: dict[str, Any]) -> str:
    task = config.get("task")
    return str(task.get("name")) if isinstance(task, dict) else "an unknown task"


@dataclass(frozen=True)
class Question:
    """A computation: two operands, the operator, and the network that computes it."""

    left: int
    operator: str
    right: int
    calculator: Calculator

    @property
    def text(self) -> str:
        return f"{decimal(self.left)} {SIGNS[self.operator]} {decimal(self.right)}"

    @property
    def width(self) -> int:
        """Bits per operand: at least the length of the longest operands in training."""
        least = int(self.calculator.config["task"].get("trained_bits", 1))
        return max(self.left.bit_length(), self.right.bit_length(), least)

    @property
    def positions(self) -> int:
        """Length of the sequence: both operands in binary, with the operator between them."""
        return 2 * self.width + 1

    @property
    def steps(self) -> int:
        """Number of steps of the network."""
        return self.positions + self.calculator.model.extra_steps

    @cached_property
    def examples(self) -> Examples:
        """The input sequence and the target sequence, (1, n) each."""
        return self.calculator.task.of_numbers([(self.left, self.right)], self.width)

    @property
    def exact(self) -> int:
        return self.left + self.right if self.operator == "addition" else self.left * self.right

    @torch.no_grad()
    def states(self) -> list[Tensor]:
        """Return the states (1, n, m): before the first step, and after every step."""
        return list(self.calculator.model.states(self.examples.symbols))

    @torch.no_grad()
    def last_state(self, progress: Callable[[int], object]) -> Tensor:
        """Return the state after all steps. ``progress(steps done)`` is called every 16 steps."""
        symbols, model = self.examples.symbols, self.calculator.model
        span, state = symbols.bool(), model.begin(symbols)
        for first in range(0, self.steps, PROGRESS_STEPS):
            steps = range(first, min(first + PROGRESS_STEPS, self.steps))
            state = model.advance_steps(state, span, steps)
            progress(steps.stop)
        return state

    def describe_answer(self, state: Tensor) -> dict[str, Any]:
        """Return the object of ``--json``: answer and exact (strings of digits), correct, steps."""
        classes = self.calculator.classes(state)
        number = self.calculator.task.number(classes)
        return {
            "answer": None if number is None else decimal(number),
            "exact": decimal(self.exact),
            "correct": bool((classes == self.examples.answer[0]).all()),
            "steps": self.steps,
        }


def letters(classes: Tensor) -> str:
    """Return a row of classes or symbols as text: digits, a blank for padding, the sign of the operator."""
    signs = {PAD: " ", PLUS: SIGNS["addition"], TIMES: SIGNS["multiplication"]}
    return "".join(signs.get(each, str(each - 1)) for each in classes.tolist())
