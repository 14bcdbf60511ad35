"""``extrapolate compute``: a trained Neural GPU computes a sum or product, compared with the exact answer."""

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

#: Maximum number of values on a page (the states of 512 positions with 48 channels).
MAX_PAGE_VALUES = 48 * 512**2

#: Up to this many positions, the time is not estimated.
FAST_POSITIONS = 512

#: A computation that takes longer shows a progress bar.
PROGRESS_SECONDS = 3.0


def compute(
    expression: Annotated[
        str,
        typer.Argument(
            metavar="EXPRESSION",
            help="Two whole numbers with + or * between them, such as '12 + 30'. Use - to read from standard input.",
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|DIR",
            help="A network that comes with the package, or a folder written by save_pretrained.",
            show_default="the one for the operator",
        ),
    ] = None,
    page: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.html",
            help="Write a page that shows the state after every step; for numbers of up to about 100 bits.",
        ),
    ] = None,
    limit: Annotated[
        float, typer.Option(help="Maximum estimated time in seconds. A longer computation is not started.")
    ] = 60.0,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print one JSON object: answer, exact (both as strings), correct, steps."),
    ] = False,
) -> None:
    """Compute a sum or product with a trained Neural GPU, and compare its answer with the exact one.

    The network receives both operands in binary, one position per bit. Its number of steps is about its number of
    positions. The answer comes from the network alone. The networks of the package were trained on numbers of at
    most 20 bits: longer ones show how well they extrapolate.
    """
    from extrapolate.inspect.calculator import Calculator, Question, letters
    from extrapolate.inspect.expression import parse

    left, operation, right = parse(sys.stdin.read() if expression == "-" else expression)
    question = Question(left, operation, right, Calculator.of(operation, model))
    _check(question, limit, page)
    if page:
        from extrapolate.cli.compute_page import write_page

        states = question.states()
        found = question.describe_answer(states[-1])
        write_page(page, question, found, states)
    else:
        states = [_last_state(question)]
        found = question.describe_answer(states[-1])
    if as_json:
        print_json(found)
        return
    digits = letters(question.calculator.classes(states[-1])).rstrip()
    answer = found["answer"] or f"not a number: {digits!r} (least significant bit first)"
    verdict = "correct" if found["correct"] else "WRONG: the network's answer differs from the exact one"
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
    """Check the question before anything is computed.

    Raises:
        UserError: the computation would take too long, or its page cannot be written.
    """
    from extrapolate.cli.pace import in_words

    positions = question.positions
    max_positions = math.isqrt(MAX_PAGE_VALUES // sum(question.calculator.model.widths()))
    if page is not None and positions > max_positions:
        raise UserError(
            f"--page shows at most {max_positions} positions, but these operands need {positions:,}: "
            "use smaller numbers"
        )
    if page is not None and not page.absolute().parent.is_dir():
        raise UserError(f"{page.parent} is not a folder: choose another --page")
    if positions <= FAST_POSITIONS:
        return
    seconds = question.calculator.seconds(positions)
    if seconds > limit:
        raise UserError(
            f"{positions:,} positions in {question.steps:,} steps would take about {in_words(seconds)} on this "
            f"machine, longer than --limit {limit:g} s: set a higher limit or use smaller numbers"
        )


def _last_state(question: "Question") -> "Tensor":
    """Return the last state; show a progress bar on stderr if it takes long."""
    from rich.progress import Progress

    start = time.monotonic()
    with Progress(console=stderr_console(), transient=True) as bars:
        task = bars.add_task("computing", total=question.steps, visible=False)

        def progress(done: int) -> None:
            bars.update(task, completed=done, visible=time.monotonic() - start > PROGRESS_SECONDS)

        return question.last_state(progress)
