"""What a person may choose, and the presets."""

from dataclasses import dataclass

from extrapolate.experiments.common_options import names_option
from extrapolate.experiments.digit_images import EMBEDDED, DigitSettings
from extrapolate.experiments.digits_parity.models import HEADS


@dataclass(frozen=True, kw_only=True)
class DigitsParitySettings(DigitSettings):
    """Adam, squared error of the number of even digits."""

    heads: tuple[str, ...] = names_option(
        "Output layers to train, separated by commas, of", list(HEADS), "output layer"
    )


PRESETS: dict[str, DigitsParitySettings] = {
    "smoke": DigitsParitySettings(
        heads=("affine", "NAC"),
        data=EMBEDDED,
        seeds=2,
        steps=4,
        evaluate_every=2,
        batch=2,
        device="cpu",
    ),
    "laptop": DigitsParitySettings(
        heads=tuple(HEADS),
        data=EMBEDDED,
        seeds=8,
        steps=5_000,
        evaluate_every=500,
        batch=32,
        device="cpu",
    ),
    "paper": DigitsParitySettings(
        heads=tuple(HEADS),
        data=EMBEDDED,
        seeds=10,
        steps=200_000,
        evaluate_every=2_000,
        batch=128,
        device="cpu",
    ),
}
