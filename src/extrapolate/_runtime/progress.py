"""Progress reports of long computations, and requests to stop them."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Protocol

from extrapolate._runtime.errors import Interrupted as Interrupted


class Progress(Protocol):
    """Receives reports between steps, a few times per second, and may request a stop."""

    def update(self, step: int, status: str = "") -> None:
        """Report that ``step`` steps are done; ``status`` describes the result so far, such as "3/25 solved"."""
        ...

    def stop_requested(self) -> bool: ...


class NullProgress:
    """Ignores all reports and never requests a stop."""

    def update(self, step: int, status: str = "") -> None:
        pass

    def stop_requested(self) -> bool:
        return False


class StopFlag:
    """Set by the first Ctrl-C or SIGTERM. The second one ends the process as usual."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def __bool__(self) -> bool:
        return self.signal is not None


@contextmanager
def stop_on_signals() -> Iterator[StopFlag]:
    """Inside this context, the first SIGINT or SIGTERM sets the flag instead of interrupting a step."""
    flag = StopFlag()
    if threading.current_thread() is not threading.main_thread():
        yield flag  # only the main thread may set handlers; in another thread, the caller has its own way to stop
        return
    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def handle(number: int, frame: FrameType | None) -> None:
        flag.signal = number
        for each, handler in previous.items():
            signal.signal(each, handler)

    for number in previous:
        signal.signal(number, handle)
    try:
        yield flag
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
