"""What a person may choose, and the presets."""

from dataclasses import dataclass, replace

from extrapolate.experiments.common_options import device_option, names_option
from extrapolate.experiments.digit_images import EMBEDDED, data_option
from extrapolate.experiments.modularity.settings import batch_option, strength_option, widths_option
from extrapolate.experiments.options import at_least, option

#: Masks drawn a step, of which each gets an equal part of the batch.
MASKS = 8

#: First logits of the weights that no task before has kept, by what they are to bring about; those of the kept ones
#: start at ``KEPT_START``, as do all logits of the first task.
STARTS = {"neutral": 2.0, "prefer-old": 0.0, "prefer-old-strongly": -1.0}
KEPT_START = 2.0


@dataclass(frozen=True, kw_only=True)
class PermutedDigitsSettings:
    """Published: three hidden layers, eleven tasks, weights and masks by one Adam at 1e-2, eight masks a step."""

    data: str = data_option()
    hidden: tuple[int, ...] = widths_option()
    starts: tuple[str, ...] = names_option(
        "First logits of weights that no task has kept:", list(STARTS), "start"
    )
    tasks: int = option("Tasks, one after the other; the first has its pixels in order.", at_least(2))
    seeds: int = option("Networks of each start; their seeds are 0, 1, 2, ...", at_least(1))
    steps: int = option("Steps of each task, of weights and mask together.", at_least(1))
    strength: float = strength_option()
    batch: int = batch_option(MASKS)
    device: str = device_option()

    @property
    def layers(self) -> range:
        """The layers, counted from 1, whose weights later tasks may use: all but the first."""
        return range(2, len(self.hidden) + 2)

    @property
    def looked_at(self) -> list[int]:
        """The tasks, counted from 1, whose sharing is reported: every second one, as published."""
        return list(range(2, self.tasks + 1, 2))


_LAPTOP = PermutedDigitsSettings(
    data=EMBEDDED,
    hidden=(100, 100, 32),
    starts=tuple(STARTS),
    tasks=11,
    seeds=3,
    steps=3_000,
    strength=1.28e-3,
    batch=128,
    device="cpu",
)

PRESETS: dict[str, PermutedDigitsSettings] = {
    "smoke": replace(_LAPTOP, hidden=(16, 16, 16), tasks=2, seeds=1, steps=5),
    "laptop": _LAPTOP,
    "paper": replace(_LAPTOP, hidden=(800, 800, 64), seeds=10, steps=30_000),
}
