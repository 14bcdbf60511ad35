"""The page of a computation: the network's state after every step, and the answer read from it."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from extrapolate.cli.console import format_command
from extrapolate.inspect.calculator import Question, letters
from extrapolate.inspect.expression import decimal
from extrapolate.report.states_page import Computation, write_states_page


def write_page(path: Path, question: Question, found: dict[str, Any], states: list[Tensor]) -> None:
    """Write the page. ``found``: the object of ``--json``; ``states``: a list of tensors (1, n, m)."""
    calculator = question.calculator
    readings = [calculator.classes(state) for state in states]
    numbers = [calculator.task.number(reading) for reading in readings]
    write_states_page(
        path,
        Computation(
            question=question.text,
            answer=found["answer"] or "not a number",
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
    """Return the groups of channels of each network: how they move in a step, and their number."""
    groups = []
    for index, channels in enumerate(widths, 1):
        third, network = channels // 3, f" ({index})" if len(widths) > 1 else ""
        kinds = ("stay", channels - 2 * third), ("come from the left", third), ("come from the right", third)
        groups += [(f"{kind}{network}", count) for kind, count in kinds]
    return groups


def _facts(question: Question) -> dict[str, str]:
    """Return the facts about the network that the page shows."""
    calculator = question.calculator
    made = calculator.config.get("made", {})
    facts = {"network": Path(calculator.source).name, "task": calculator.task.name}
    return facts | {str(name): str(value) for name, value in made.items() if isinstance(value, str | int | float)}
