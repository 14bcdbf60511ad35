"""``extrapolate compute``: a trained Neural GPU computes, and is told whether it is right."""

import math
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from extrapolate._runtime.errors import UserError
from extrapolate.cli.console import print_json, stderr_console, stdout_console

if TYPE_CHECKING:
    from torch import Tensor

    from extrapolate.inspect.calculator import Question

#: Numbers of all states that a page holds (of 512 places, with 48 maps); places up to which time is not asked about.
DRAWN, QUICK = 48 * 512**2, 512

#: A computation expected to take longer shows its progress.
SHOWN_SECONDS = 3.0


def compute(
    expression: Annotated[
        str,
        typer.Argument(
            metavar="EXPRESSION",
            help="Two whole numbers and + or *, such as '12 + 30'; - reads it from standard input.",
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|DIR",
            help="A network that comes with the package, or a folder of save_pretrained.",
            show_default="the one for the operator",
        ),
    ] = None,
    page: Annotated[
        Path | None,
        typer.Option(metavar="FILE.html", help="Draw all states, step by step; for numbers of up to some 100 bits."),
    ] = None,
    limit: Annotated[float, typer.Option(help="Seconds it may take, as estimated before it begins.")] = 60.0,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print one JSON object: answer, exact (texts of digits), correct, steps."),
    ] = False,
) -> None:
    """Let a trained Neural GPU compute: its answer beside the exact one, right or wrong.

    The network works in binary on both operands, a place a bit, and takes about as many steps as there are places;
    nothing else computes for it. The published trainings, and those here, are on operands of at most 20 bits.
    """
    from extrapolate.inspect.calculator import Calculator, Question, letters
    from extrapolate.inspect.expression import parse

    left, operation, right = parse(sys.stdin.read() if expression == "-" else expression)
    question = Question(left, operation, right, Calculator.of(operation, model))
    _check(question, limit, page)
    if page:
        from extrapolate.cli.compute_page import draw

        states = question.states()
        found = question.describe_answer(states[-1])
        draw(page, question, found, states)
    else:
        states = [_last_state(question)]
        found = question.describe_answer(states[-1])
    if as_json:
        print_json(found)
        return
    digits = letters(question.calculator.classes(states[-1])).rstrip()
    answer = found["answer"] or f"no number: {digits!r}, least significant bit first"
    verdict = "correct" if found["correct"] else "WRONG: the network's answer is not the exact one"
    lines = [
        (question.text, ""),
        (f"network  {answer}", "bold"),
        (f"exact    {found['exact']}", ""),
        (
            f"{verdict} ({found['steps']:,} steps of {question.calculator.source})",
            "green" if found["correct"] else "bold red",
        ),
    ]
    link = [(f"\nThe page: {page.resolve()}", "")] if page else []
    for text, style in [*lines, *link]:
        stdout_console().print(text, style=style, markup=False, soft_wrap=True)


def _check(question: "Question", limit: float, page: Path | None) -> None:
    """Before anything is computed.

    Raises:
        UserError: it would take too long, or cannot be drawn.
    """
    from extrapolate.cli.pace import in_words

    places = question.positions
    drawn = math.isqrt(DRAWN // sum(question.calculator.model.widths()))
    if page is not None and places > drawn:
        raise UserError(f"--page draws up to {drawn} places, and these operands need {places:,}: give smaller ones")
    if page is not None and not page.absolute().parent.is_dir():
        raise UserError(f"{page.parent} is not a folder: give another --page")
    if places <= QUICK:
        return
    seconds = question.calculator.seconds(places)
    if seconds > limit:
        raise UserError(
            f"{places:,} places in {question.steps:,} steps would take about {in_words(seconds)} here, longer than "
            f"--limit {limit:g} s: give a higher limit or smaller numbers"
        )


def _last_state(question: "Question") -> "Tensor":
    """With a bar on stderr once that takes a while."""
    from rich.progress import Progress

    began = time.monotonic()
    with Progress(console=stderr_console(), transient=True) as bars:
        task = bars.add_task("computing", total=question.steps, visible=False)

        def progress(done: int) -> None:
            bars.update(task, completed=done, visible=time.monotonic() - began > SHOWN_SECONDS)

        return question.last_state(progress)
