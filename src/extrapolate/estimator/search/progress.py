"""What a fit tells while it runs, and how it is asked to stop."""

import time
from dataclasses import dataclass, field
from typing import Protocol

from extrapolate._runtime.progress import Interrupted


class FitWatch(Protocol):
    """Told when a stage of the search begins; asked whether to stop."""

    def stage(self, name: str, done: int, total: int, best: str) -> None:
        """``done`` of ``total`` stages are over, ``name`` begins; ``best`` is the formula so far."""
        ...

    def stop_requested(self) -> bool: ...


class QuietFit:
    """Shows nothing and never stops."""

    def stage(self, name: str, done: int, total: int, best: str) -> None:
        pass

    def stop_requested(self) -> bool:
        return False


@dataclass
class Clock:
    """The time a fit may take, and its watch.

    Attributes:
        limit: seconds; a guard. The search has a fixed plan and normally ends long before.
        struck: whether the limit cut the search short.
    """

    limit: float
    watch: FitWatch
    started: float = field(default_factory=time.monotonic)
    struck: bool = False

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    def over(self) -> bool:
        """Whether to end the search now.

        Raises:
            Interrupted: the watch asked to stop.
        """
        if self.watch.stop_requested():
            raise Interrupted(f"stopped after {self.seconds:.1f} seconds")
        self.struck = self.struck or self.seconds > self.limit
        return self.struck
