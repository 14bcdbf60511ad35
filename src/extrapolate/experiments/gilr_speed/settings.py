"""What a person may choose, and the presets."""

from dataclasses import dataclass, replace

from extrapolate.experiments.common_options import device_option, names_option, numbers_option
from extrapolate.experiments.gilr_speed.models import LAYERS
from extrapolate.experiments.options import at_least, option


@dataclass(frozen=True)
class SpeedSettings:
    """A training step (forward and backward) of two layers on sequences of 4 features; one core, float32."""

    layers: tuple[str, ...] = names_option("Layers to time, separated by commas, of", list(LAYERS), "layer")
    lengths: tuple[int, ...] = numbers_option("Lengths of the sequences, separated by commas.", 1)
    features: tuple[int, ...] = numbers_option("Widths at which the bare recurrence is timed.", 1)
    elements: int = option("Sequences times their length, in every measurement of a layer.", at_least(1))
    hidden: int = option("Units of each of the two layers.", at_least(1))
    repeats: int = option("Measurements of each, one more before them left out.", at_least(1))
    device: str = device_option()


LAPTOP = SpeedSettings(
    layers=tuple(LAYERS),
    lengths=(16, 256, 4_096, 65_536),
    features=(4, 32, 128),
    elements=65_536,
    hidden=64,
    repeats=5,
    device="cpu",
)

PRESETS: dict[str, SpeedSettings] = {
    "smoke": replace(
        LAPTOP,
        lengths=(4, 64),
        features=(4,),
        elements=64,
        hidden=4,
        repeats=2,
    ),
    "laptop": LAPTOP,
    "paper": replace(
        LAPTOP,
        hidden=256,
    ),
}
