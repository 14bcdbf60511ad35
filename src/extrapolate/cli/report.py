"""``extrapolate report``: rebuild the page of a run or a fit from its files, and print the results."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from extrapolate.cli.console import print_json, stdout_console
from extrapolate.cli.fit import ANSWER


def report(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="The output folder of extrapolate run or extrapolate fit.")
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object: the findings of the run, or the formula.")
    ] = False,
) -> None:
    """Rebuild DIR/report.html from the files of a run or a fit in DIR, and print the results."""
    if (folder / ANSWER).exists() and not (folder / "manifest.json").exists():
        _show_fit(folder, as_json)
    else:
        print_report(folder, as_json)


def _show_fit(folder: Path, as_json: bool) -> None:
    from extrapolate.cli.fit_text import print_fit
    from extrapolate.report.fit_page import write_fit_page

    page = write_fit_page(folder)
    found = json.loads((folder / ANSWER).read_text(encoding="utf-8"))
    if as_json:
        print_json(found)
        return
    console = stdout_console()
    print_fit(found, console)
    console.print(f"\nThe page: {page.resolve()}", markup=False, soft_wrap=True)


def print_report(folder: Path, as_json: bool) -> None:
    """Write the page of ``folder`` and print the results of the run, as tables or as JSON."""
    from extrapolate.report import print_summary, read, write_page

    page = write_page(folder)
    if as_json:
        found = read(folder)
        preset = {"preset": found.manifest.preset}
        claims = [asdict(claim) | preset for claim in found.claims]
        print_json({"folder": str(folder), "report": str(page), "finished": found.finished, "claims": claims})
        return
    console = stdout_console()
    print_summary(folder, console)
    console.print(f"\nThe page: {page.resolve()}", markup=False, soft_wrap=True)
