"""A run's published findings as Markdown, for a document that shows them side by side with their command."""

from extrapolate.report.files import Claim, Folder, Manifest
from extrapolate.report.words import duration, interval, value

MARKS = {True: "holds", False: "**does not hold**", None: "not judged"}


def render_markdown(folder: Folder) -> str:
    """A section: the command, the machine, a row a finding, and why each that does not hold does not."""
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
    told = [each for each in folder.findings if each.why and not each.holds]
    reasons = [f"* {_cell(each.claim)}: {_cell(each.why or '')}." for each in told]
    return "\n".join([*lines, *(["", *reasons] if reasons else []), ""])


def _time(run: Manifest) -> str:
    """Wall-clock time, and what the run took of the processor, where it is known: others may have had the rest."""
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
    """Text that stays in its cell, and is text: no markup of its own, but for the marks above."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
