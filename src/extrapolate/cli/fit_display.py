"""Progress display of a fit: the stage, the best formula so far, the time."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich import progress as rich_progress
from rich.console import Console
from rich.text import Text

from extrapolate._runtime.progress import Progress, StopFlag

#: Seconds between two lines if the output is not a terminal.
LINE_SECONDS = 10.0


class _Bar:
    """One line on a terminal; it disappears when the search ends."""

    def __init__(self, display: rich_progress.Progress, stop: StopFlag) -> None:
        self.display, self.stop = display, stop
        self.task = display.add_task("reading", total=None)

    def update(self, step: int, status: str = "") -> None:
        self.display.update(self.task, description=status)

    def stop_requested(self) -> bool:
        return bool(self.stop)


class _Lines:
    """Plain lines at intervals, for a log file or a pipe."""

    def __init__(self, console: Console, stop: StopFlag) -> None:
        self.console, self.stop, self.printed_at = console, stop, time.monotonic()

    def update(self, step: int, status: str = "") -> None:
        if time.monotonic() - self.printed_at >= LINE_SECONDS:
            self.printed_at = time.monotonic()
            self.console.print(Text(status), soft_wrap=True)

    def stop_requested(self) -> bool:
        return bool(self.stop)


@contextmanager
def display(console: Console, stop: StopFlag) -> Iterator[Progress]:
    """Yield the progress display for ``console``; it requests a stop when ``stop`` is set."""
    if not console.is_terminal:
        yield _Lines(console, stop)
        return
    columns = (
        rich_progress.SpinnerColumn(),
        rich_progress.TimeElapsedColumn(),
        rich_progress.TextColumn("{task.description}", style="cyan", markup=False),
    )
    with rich_progress.Progress(*columns, console=console, transient=True) as bar:
        yield _Bar(bar, stop)
