"""What a person sees while a formula is searched for: the stage, the formula so far, the time."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from extrapolate._runtime.progress import StopFlag
from extrapolate.estimator import FitWatch

#: Seconds between two lines where there is no terminal.
LINE_SECONDS = 10.0


class _Bar:
    """On a terminal: one line that is gone when the search ends."""

    def __init__(self, progress: Progress, stop: StopFlag) -> None:
        self.progress, self.stop = progress, stop
        self.task = progress.add_task("reading", total=None, best="")

    def stage(self, name: str, done: int, total: int, best: str) -> None:
        self.progress.update(self.task, description=name, completed=done, total=total, best=best)

    def stop_requested(self) -> bool:
        return bool(self.stop)


class _Lines:
    """Plain lines now and then, for a log file or a pipe."""

    def __init__(self, console: Console, stop: StopFlag) -> None:
        self.console, self.stop, self.said_at = console, stop, time.monotonic()

    def stage(self, name: str, done: int, total: int, best: str) -> None:
        if time.monotonic() - self.said_at >= LINE_SECONDS:
            self.said_at = time.monotonic()
            self.console.print(Text(f"{done + 1}/{total} {name}, so far: {best}"), soft_wrap=True)

    def stop_requested(self) -> bool:
        return bool(self.stop)


@contextmanager
def display(console: Console, stop: StopFlag) -> Iterator[FitWatch]:
    """The watch that suits ``console``; it asks the search to stop once ``stop`` is set."""
    if not console.is_terminal:
        yield _Lines(console, stop)
        return
    columns = (
        SpinnerColumn(),
        BarColumn(bar_width=14),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
        TextColumn("{task.fields[best]}", style="cyan", markup=False),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield _Bar(progress, stop)
