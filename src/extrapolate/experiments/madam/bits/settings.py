"""What a person may choose, and the presets."""

from dataclasses import dataclass, replace

from extrapolate.experiments.common_options import device_option, names_option
from extrapolate.experiments.madam.bits.weights import WEIGHTS
from extrapolate.experiments.options import at_least, option


@dataclass(frozen=True)
class BitsSettings:
    """A convolutional network on scikit-learn's digits, trained with weights of each kind at Madam's rate of 0.01."""

    weights: tuple[str, ...] = names_option(
        "Kinds of weights, separated by commas, of", list(WEIGHTS), "kind"
    )
    seeds: int = option("Models of each kind; their seeds are 0, 1, 2, ...", at_least(1))
    steps: int = option("Training steps of each model.", at_least(10))
    evaluate_every: int = option("Steps between two evaluations.", at_least(1))
    device: str = device_option()
    compile: bool = True


LAPTOP = BitsSettings(
    weights=tuple(WEIGHTS),
    seeds=10,
    steps=5_000,
    evaluate_every=500,
    device="cpu",
)

PRESETS: dict[str, BitsSettings] = {
    "smoke": replace(
        LAPTOP,
        weights=("float32", "12-bit"),
        seeds=2,
        steps=10,
        evaluate_every=5,
        compile=False,  # compiling takes longer than these few steps
    ),
    "laptop": LAPTOP,
    "paper": replace(
        LAPTOP,
        steps=50_000,
        evaluate_every=1_000,
    ),
}
