"""The scale that all panels of a group share, so that they can be compared."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from matplotlib.ticker import MaxNLocator

from extrapolate.report.words import short_number

LOG_FROM = 8.0
"""A group whose values span more than this factor gets a log scale."""


@dataclass(frozen=True)
class Axis:
    low: float
    high: float
    log: bool
    ticks: tuple[tuple[float, str], ...]

    def clamp(self, amount: float) -> float:
        return min(max(amount, self.low), self.high)

    def share(self, amount: float) -> float:
        """Return the position of `amount` on the axis, from 0 to 1."""
        low, here, high = self.low, self.clamp(amount), self.high
        if self.log:
            low, here, high = math.log(low), math.log(here), math.log(high)
        return (here - low) / (high - low)


PERCENT = Axis(0.0, 1.0, False, ((0.0, "0"), (0.25, ""), (0.5, "50 %"), (0.75, ""), (1.0, "100 %")))


def axis_for(values: Iterable[float]) -> Axis:
    """Return an axis for the finite `values`; on a log scale, values up to 0 are clipped to the lower end."""
    finite = [value for value in values if math.isfinite(value)]
    positive = [value for value in finite if value > 0]
    if positive and len(positive) >= len(finite) / 2 and max(positive) / min(positive) > LOG_FROM:
        return _log(min(positive), max(positive))
    low, high = min([0.0, *finite]), max([0.0, *finite])
    steps = MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high if high > low else low + 1)
    return Axis(float(steps[0]), float(steps[-1]), False, tuple((float(s), short_number(s)) for s in steps))


def _log(low: float, high: float) -> Axis:
    low, high = max(low, 1e-300), min(high, 1e300)
    if high / low < 100:
        candidates = [m * 10.0**e for e in range(-301, 301) for m in (1, 2, 5)]
    else:
        every = max(1, math.ceil(math.log10(high / low) / 5))
        first = math.floor(math.log10(low))
        candidates = [10.0**e for e in range(max(-300, first - every), 301) if (e - first) % every == 0]
    below = [tick for tick in candidates if tick <= low]
    start = below[-1] if below else low
    ticks = [tick for tick in candidates if start <= tick < high]
    end = next((tick for tick in candidates if tick >= high), high)
    return Axis(start, end, True, tuple((tick, short_number(tick)) for tick in [*ticks, end]))
