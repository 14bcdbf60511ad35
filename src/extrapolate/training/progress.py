"""A progress bar for a training in a terminal."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

#: Seconds before the bar appears: short trainings show nothing.
QUIET_SECONDS = 2.0


@dataclass
class TrainingProgress:
    """Shows the steps of a training. ``stops()`` returns whether the training must stop."""

    steps: int
    stops: Callable[[], bool] = lambda: False
    bar: Any = None
    task: Any = None

    def __post_init__(self) -> None:
        self.began = time.monotonic()
        self.visible = sys.stderr.isatty()

    def update(self, step: int, status: str = "") -> None:
        if not self.visible or time.monotonic() - self.began < QUIET_SECONDS:
            return
        self.bar = self.bar or self._open()
        self.bar.update(self.task, completed=step)

    def _open(self) -> Any:
        from rich.console import Console  # slow to import, and needed only in a terminal
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("training"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        bar = Progress(*columns, console=Console(stderr=True), transient=True)
        self.task = bar.add_task("training", total=self.steps)
        bar.start()
        return bar

    def stop_requested(self) -> bool:
        return self.stops()

    def close(self) -> None:
        if self.bar is not None:
            self.bar.stop()


@contextmanager
def terminal_progress(steps: int) -> Iterator[TrainingProgress]:
    """Show a progress bar if stderr is a terminal, and remove it at the end."""
    progress = TrainingProgress(steps)
    try:
        yield progress
    finally:
        progress.close()
