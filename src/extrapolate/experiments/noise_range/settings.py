"""What a person may choose, and the presets."""

from dataclasses import dataclass, replace
from typing import Any

from extrapolate.experiments.arithmetic_dataset.settings import PRESETS as DATASET_PRESETS
from extrapolate.experiments.arithmetic_dataset.settings import ArithmeticDatasetSettings
from extrapolate.experiments.common_options import names_option
from extrapolate.experiments.noise_range.models import BATCH_NOISE, NETWORKS, NO_NOISE, with_noise
from extrapolate.tasks import PUBLISHED_RANGES


@dataclass(frozen=True)
class NoiseRangeSettings(ArithmeticDatasetSettings):
    """The Arithmetic Dataset Task's, with its networks told apart by their noise."""

    networks: tuple[str, ...] = names_option(
        "Networks to train (the number is the upper end of the noise), separated by commas, of",
        list(NETWORKS),
        "network",
    )


def _like(preset: str, networks: tuple[str, ...]) -> NoiseRangeSettings:
    """The Arithmetic Dataset Task's preset, with other networks."""
    values: dict[str, Any] = vars(DATASET_PRESETS[preset]) | {"networks": networks}
    return NoiseRangeSettings(**values)


PRESETS: dict[str, ArithmeticDatasetSettings] = {
    "smoke": _like("smoke", (with_noise(2), with_noise(5), BATCH_NOISE)),
    "laptop": replace(
        _like("laptop", (NO_NOISE, *map(with_noise, (1.5, 2, 5, 10, 50)), BATCH_NOISE)),
        ranges=(PUBLISHED_RANGES[1], PUBLISHED_RANGES[4]),
        steps=80_000,
        penalty_start=40_000,
        penalty_end=53_000,
        in_features=12,
    ),
    "paper": replace(_like("paper", tuple(NETWORKS)), seeds=25, steps=2_000_000),
}
