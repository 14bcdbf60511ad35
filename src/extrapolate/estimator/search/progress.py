"""The time limit of a fit, and requests to stop it."""

import time
from dataclasses import dataclass, field

from extrapolate._runtime.progress import Interrupted, Progress


@dataclass
class Clock:
    """The time limit of a fit, and its progress.

    Attributes:
        limit: seconds; a guard. The search has a fixed plan and normally ends long before.
        struck: whether the limit cut the search short.
    """

    limit: float
    progress: Progress
    started: float = field(default_factory=time.monotonic)
    struck: bool = False

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    def over(self) -> bool:
        """Whether to end the search now.

        Raises:
            Interrupted: the progress asked to stop.
        """
        if self.progress.stop_requested():
            raise Interrupted(f"stopped after {self.seconds:.1f} seconds")
        self.struck = self.struck or self.seconds > self.limit
        return self.struck
