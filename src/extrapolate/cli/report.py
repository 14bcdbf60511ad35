"""``extrapolate report``: the page and the table of a run, made anew from its files."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from extrapolate.cli.console import print_json, stdout_console


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The output folder of a run.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object: the page's path and the claims.")
    ] = False,
) -> None:
    """Write DIR/report.html anew from the run's files, and print its table."""
    show(folder, as_json)


def show(folder: Path, as_json: bool) -> None:
    """Writes the page of ``folder`` and prints what a person, or a program, wants to know of the run."""
    from extrapolate.report import print_summary, read, write_page

    page = write_page(folder)
    if as_json:
        found = read(folder)
        claims = [asdict(claim) for claim in found.claims]
        print_json({"folder": str(folder), "report": str(page), "finished": found.finished, "claims": claims})
        return
    console = stdout_console()
    print_summary(folder, console)
    console.print(f"\nThe page: {page.resolve()}", markup=False, soft_wrap=True)
