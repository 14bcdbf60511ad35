"""The results of a run in the terminal: solved models by unit and range, and which findings hold."""

from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from extrapolate.report.files import Claim, Folder, read
from extrapolate.report.headline import headline
from extrapolate.report.success import Cell, Success, successes
from extrapolate.report.words import format_count, join_words, operation_title, parts, shorten, value

WIDEST = 12

#: With more findings than this, those that hold are only counted.
MOST_FINDINGS = 16

#: Padding of a column, and its width together with the divider.
PADDING = 1
GAP = 2 * PADDING + 1


def print_summary(folder: Path, console: Console) -> None:
    """Print the headline, one table per operation and the findings, as wide as the console allows."""
    run = read(folder)
    console.print(Text(headline(run), style="bold"), soft_wrap=False)
    if not run.finished:
        console.print(Text("Unfinished: run the same command again to resume.", style="yellow"))
    for success in successes(run):
        _print_success(success, console)
    _print_findings(run, console)


def _print_success(success: Success, console: Console) -> None:
    console.print()
    first = max(len(label) for label in [*map(_label, success.ranges), "trained on"])
    title = f"{operation_title(success.task)}: models solved, 95 % interval of the rate in %"
    for units in fit(success, success.solving, console.width - first - GAP):
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, PADDING), show_edge=False)
        table.add_column("trained on", no_wrap=True, vertical="top")
        for unit in units:
            table.add_column(Text(heading(unit)), justify="right", no_wrap=True, vertical="bottom")
        for range in success.ranges:
            table.add_row(Text(_label(range)), *(_cell(success.at(unit, range)) for unit in units))
        console.print(Text(title, style="bold"))
        console.print(table)
        console.print()
    if success.failing:
        console.print(Text(f"No model of {join_words(success.failing)} solves it."), soft_wrap=False)


def fit(success: Success, units: list[str], width: int) -> list[list[str]]:
    """Split `units`, in order, into lists whose tables are at most `width` wide."""
    lists: list[list[str]] = [[]]
    used = 0
    for unit in units:
        own = [str(_cell(success.at(unit, range))) for range in success.ranges]
        lines = [line for text in [heading(unit), *own] for line in text.split("\n")]
        need = max(map(len, lines)) + GAP
        if lists[-1] and used + need > width:
            lists.append([])
            used = 0
        lists[-1].append(unit)
        used += need
    return lists


def heading(model: str) -> str:
    """Return a unit's name with line breaks between its words, so that the column stays narrow."""
    if len(model) <= WIDEST:
        return model
    lines = [""]
    for word in parts(model):
        if lines[-1] and len(lines[-1]) + len(word) > WIDEST - 2:
            lines.append("")
        lines[-1] += word
    return "\n".join(shorten(line, WIDEST) for line in lines[:4])


def _label(split: str) -> str:
    return shorten(split, 20)


def _cell(cell: Cell | None) -> Text:
    if cell is None or cell.success_rate is None:
        return Text("–", style="dim")
    style = "bold cyan" if cell.success_rate == 1 else ("yellow" if cell.solved else "dim")
    text = Text(f"{cell.solved}/{cell.n}", style=style)
    if cell.low is not None and cell.high is not None:
        text.append(f"\n{100 * cell.low:.0f}–{100 * cell.high:.0f}", style="dim")
    return text


def _print_findings(run: Folder, console: Console) -> None:
    if not run.findings:
        return
    console.print(Text("Published findings", style="bold"))
    holding = [claim for claim in run.findings if claim.holds]
    folded = len(run.findings) > MOST_FINDINGS
    for claim in run.findings:
        if not (folded and claim.holds):
            console.print(finding(claim, console.width), no_wrap=True, crop=True)
    if folded and holding:
        console.print(Text(f"✓ {format_count(len(holding), 'more finding')} on the page", style="bold cyan"))


def finding(claim: Claim, width: int) -> Text:
    """Return a claim on one line: its mark, its text (shortened if needed), and the measured value."""
    mark, style = {True: ("✓", "bold cyan"), False: ("✗", "bold yellow"), None: ("?", "dim")}[claim.holds]
    numbers = f"  {shorten(value(claim.measured), width // 6)}"
    if isinstance(claim.published, float | int):  # a published sentence would repeat the claim
        numbers += f" (published {value(claim.published)})"
    space = max(10, width - len(numbers) - 2)
    return Text.assemble((mark, style), " ", shorten(claim.claim or claim.id, space), (numbers, "dim"))
