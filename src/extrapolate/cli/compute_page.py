"""The page of a computation: what the network held at every step, and what it would have answered."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from extrapolate.cli.console import format_command
from extrapolate.inspect.calculator import Question, letters
from extrapolate.inspect.expression import decimal
from extrapolate.report.states_page import Computation, write_states_page


def draw(path: Path, question: Question, found: dict[str, Any], states: list[Tensor]) -> None:
    """Writes the page. ``found``: the object of ``--json``; ``states``: (1, n, m) each."""
    calculator = question.calculator
    readings = [calculator.classes(state) for state in states]
    numbers = [calculator.task.number(reading) for reading in readings]
    write_states_page(
        path,
        Computation(
            question=question.text,
            answer=found["answer"] or "no number",
            correct=found["correct"],
            input=letters(question.examples.symbols[0]),
            exact=letters(question.examples.answer[0]),
            read=[letters(reading) for reading in readings],
            values=["" if number is None else decimal(number) for number in numbers],
            states=torch.cat(states).numpy(),
            groups=_groups(calculator.model.widths()),
            facts=_facts(question),
            command=format_command(),
        ),
    )


def _groups(widths: list[int]) -> list[tuple[str, int]]:
    """What becomes of the maps of each network, and how many they are."""
    groups = []
    for index, maps in enumerate(widths, 1):
        third, whose = maps // 3, f" ({index})" if len(widths) > 1 else ""
        kinds = ("stay", maps - 2 * third), ("come from the left", third), ("come from the right", third)
        groups += [(f"{kind}{whose}", count) for kind, count in kinds]
    return groups


def _facts(question: Question) -> dict[str, str]:
    """What is said of the network."""
    calculator = question.calculator
    made = calculator.config.get("made", {})
    facts = {"network": Path(calculator.source).name, "task": calculator.task.name}
    return facts | {str(name): str(value) for name, value in made.items() if isinstance(value, str | int | float)}
