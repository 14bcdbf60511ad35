"""The time limit of a fit, and stop requests."""

import time
from dataclasses import dataclass, field

from extrapolate._runtime.progress import Interrupted, Progress


@dataclass
class Clock:
    """The time limit of a fit, and its progress.

    Attributes:
        limit: in seconds. The stages of the search are fixed and normally end long before it.
        struck: whether the limit ended the search.
    """

    limit: float
    progress: Progress
    started: float = field(default_factory=time.monotonic)
    struck: bool = False

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    def over(self) -> bool:
        """Return whether the time limit has passed.

        Raises:
            Interrupted: ``progress`` requested a stop.
        """
        if self.progress.stop_requested():
            raise Interrupted(f"stopped after {self.seconds:.1f} seconds")
        self.struck = self.struck or self.seconds > self.limit
        return self.struck
