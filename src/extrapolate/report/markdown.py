"""The published findings of a run as a Markdown section, with the command that reproduces them."""

from extrapolate.report.files import Claim, Folder, Manifest
from extrapolate.report.words import duration, interval, value

MARKS = {True: "holds", False: "**does not hold**", None: "not judged"}


def render_markdown(folder: Folder) -> str:
    """Return a section: the command, the machine, one row per finding, and the reasons of those that do not hold."""
    run = folder.manifest
    versions = ", ".join(f"{name} {run.versions[name]}" for name in sorted(run.versions))
    machine = f"{run.machine.get('processor', '')}, {run.machine.get('cores', '?')} cores"
    lines = [
        f"## {_cell(run.title)}",
        "",
        f"`{run.command}` on {machine} ({run.machine.get('device', '')}), {versions}: {_time(run)}.",
        "",
        "| finding | published | measured | 95 % interval | models | |",
        "| --- | --- | --- | --- | --- | --- |",
        *map(_row, folder.findings),
    ]
    explained = [each for each in folder.findings if each.why and not each.holds]
    reasons = [f"* {_cell(each.claim)}: {_cell(each.why or '')}." for each in explained]
    return "\n".join([*lines, *(["", *reasons] if reasons else []), ""])


def _time(run: Manifest) -> str:
    """Return the wall-clock time, and the processor time if it is known: other programs may have used the machine."""
    taken = duration(run.seconds)
    return taken if run.cpu_seconds is None else f"{taken} ({duration(run.cpu_seconds)} of processor time)"


def _row(claim: Claim) -> str:
    low, high = claim.interval or (None, None)
    cells = (
        claim.claim,
        value(claim.published),
        value(claim.measured),
        interval(low, high),
        value(claim.n),
        MARKS[claim.holds],
    )
    return f"| {' | '.join(map(_cell, cells))} |"


def _cell(text: str) -> str:
    """Escape the text for a table cell: no HTML and no new columns."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
