"""Progress display of a run: live bars on a terminal, lines at intervals elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich import progress as rich_progress
from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn
from rich.text import Text

from extrapolate._runtime.progress import Progress, StopFlag
from extrapolate.cli.pace import Pace

#: Seconds between two lines if the output is not a terminal.
LINE_SECONDS = 10.0


def _state(step: int, steps: int, status: str) -> str:
    return ", ".join(filter(None, (f"{step:,}/{steps:,} steps", status)))


class _Bars:
    """One bar per part, on a terminal."""

    def __init__(self, progress: rich_progress.Progress, stop: StopFlag) -> None:
        self.progress, self.stop = progress, stop

    def start_training(self, name: str, index: int, parts: int, replicas: int, steps: int) -> Progress:
        label = f"{index + 1}/{parts} {name}"
        task = self.progress.add_task(label, total=steps, state="preparing", pace="")
        return _Bar(self, task, Pace(replicas, steps))

    def stop_requested(self) -> bool:
        return bool(self.stop)

    def skip_training(self, name: str) -> None:
        self.progress.console.print(Text(f"{name}: finished earlier", style="dim"))


class _Bar:
    def __init__(self, bars: _Bars, task: TaskID, pace: Pace) -> None:
        self.bars, self.task, self.pace = bars, task, pace

    def update(self, step: int, status: str = "") -> None:
        state = _state(step, self.pace.steps, status)
        self.bars.progress.update(self.task, completed=step, state=state, pace=self.pace.at(step))

    def stop_requested(self) -> bool:
        return self.bars.stop_requested()


class _Lines:
    """Plain lines, for a log file or a pipe."""

    def __init__(self, console: Console, stop: StopFlag) -> None:
        self.console, self.stop = console, stop

    def start_training(self, name: str, index: int, parts: int, replicas: int, steps: int) -> Progress:
        self.print_line(f"{index + 1}/{parts} {name}: {replicas:,} models, {steps:,} steps")
        return _Line(self, name, Pace(replicas, steps))

    def stop_requested(self) -> bool:
        return bool(self.stop)

    def skip_training(self, name: str) -> None:
        self.print_line(f"{name}: finished earlier")

    def print_line(self, text: str) -> None:
        self.console.print(Text(text), soft_wrap=True)


class _Line:
    def __init__(self, lines: _Lines, name: str, pace: Pace) -> None:
        self.lines, self.name, self.pace = lines, name, pace
        self.printed_at = time.monotonic()

    def update(self, step: int, status: str = "") -> None:
        pace = self.pace.at(step)
        if step < self.pace.steps and time.monotonic() - self.printed_at < LINE_SECONDS:
            return
        self.printed_at = time.monotonic()
        parts = (_state(step, self.pace.steps, status), pace)
        self.lines.print_line(f"  {self.name}: {', '.join(filter(None, parts))}")

    def stop_requested(self) -> bool:
        return self.lines.stop_requested()


@contextmanager
def display(console: Console, stop: StopFlag) -> Iterator[_Bars | _Lines]:
    """Yield the display for ``console``; its progress objects request a stop when ``stop`` is set."""
    if not console.is_terminal:
        yield _Lines(console, stop)
        return
    columns = (
        SpinnerColumn(finished_text="✓"),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[state]}", markup=False),
        TextColumn("{task.fields[pace]}", style="dim", markup=False),
    )
    with rich_progress.Progress(*columns, console=console) as progress:
        yield _Bars(progress, stop)
