"""The speed of a training, and the time that is left."""

import time
from dataclasses import dataclass, field


@dataclass
class Pace:
    """The speed since the first reported step. A resumed training is measured from the step at which it resumed."""

    replicas: int
    steps: int
    clock: float | None = None
    first: int = field(default=0)

    def at(self, step: int) -> str:
        """Return speed and time left as text; empty until one step has been measured."""
        now = time.monotonic()
        if self.clock is None:
            self.clock, self.first = now, step
        elapsed, done = now - self.clock, step - self.first
        if elapsed <= 0 or done <= 0:
            return ""
        speed = f"{_amount(done * self.replicas / elapsed)} model steps/s"
        left = elapsed / done * (self.steps - step)
        return f"{speed}, {in_words(left)} left" if step < self.steps else speed


def _amount(number: float) -> str:
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.1f} {letter}"
    return f"{number:.0f}"


def in_words(seconds: float) -> str:
    """Return a duration as ``8 s``, ``1:05`` or ``2:03:04``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    hours, rest = divmod(whole, 3600)
    minutes = f"{rest // 60}:{rest % 60:02d}"
    return minutes if not hours else f"{hours}:{rest // 60:02d}:{rest % 60:02d}"
