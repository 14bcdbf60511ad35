"""What a person may choose, and the presets."""

from dataclasses import dataclass

from extrapolate.experiments.common_options import names_option
from extrapolate.experiments.digit_images import EMBEDDED, DigitSettings
from extrapolate.experiments.digits_product.models import READERS, UNITS


@dataclass(frozen=True, kw_only=True)
class DigitsProductSettings(DigitSettings):
    """Adam, squared error of the product; the labels are not supervised."""

    units: tuple[str, ...] = names_option(
        "What multiplies the labels, separated by commas, of", list(UNITS), "unit"
    )
    images: tuple[str, ...] = names_option(
        "How the two digits are shown, of", list(READERS), "kind of images"
    )


PRESETS: dict[str, DigitsProductSettings] = {
    "smoke": DigitsProductSettings(
        units=("StochasticNMU", "MLP"),
        images=tuple(READERS),
        data=EMBEDDED,
        seeds=2,
        steps=4,
        evaluate_every=2,
        batch=2,
        device="cpu",
    ),
    "laptop": DigitsProductSettings(
        units=("NMU", "StochasticNMU", "product", "MLP"),
        images=("isolated",),
        data=EMBEDDED,
        seeds=10,
        steps=6_000,
        evaluate_every=500,
        batch=32,
        device="cpu",
    ),
    "paper": DigitsProductSettings(
        units=tuple(UNITS),
        images=tuple(READERS),
        data=EMBEDDED,
        seeds=10,
        steps=700_000,
        evaluate_every=7_000,
        batch=128,
        device="cpu",
    ),
}
