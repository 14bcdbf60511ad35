"""What a person may choose, and the presets."""

from dataclasses import dataclass, replace

from extrapolate.experiments.common_options import device_option, names_option
from extrapolate.experiments.number_words.models import READ_OUTS
from extrapolate.experiments.options import at_least, option


@dataclass(frozen=True)
class NumberWordsSettings:
    """Adam, rate 3e-3, mean absolute error at the last word; 169 of the numbers 0 to 1,000 to learn from."""

    models: tuple[str, ...] = names_option(
        "Models to train, separated by commas, of", list(READ_OUTS), "model"
    )
    seeds: int = option("Models of each kind; their seeds are 0, 1, 2, ...", at_least(1))
    steps: int = option("Training steps of each model.", at_least(1))
    evaluate_every: int = option("Steps between two evaluations.", at_least(1))
    batch: int = option("Numbers read in a step.", at_least(1))
    hidden: int = option("Size of the LSTM's state.", at_least(1))
    device: str = device_option()
    compile: bool = True


LAPTOP = NumberWordsSettings(
    models=tuple(READ_OUTS),
    seeds=8,
    steps=120_000,
    evaluate_every=1_000,
    batch=32,
    hidden=32,
    device="cpu",
)

PRESETS: dict[str, NumberWordsSettings] = {
    "smoke": replace(
        LAPTOP,
        models=("LSTM", "LSTM-NALU"),
        seeds=2,
        steps=6,
        evaluate_every=3,
        batch=4,
        hidden=8,
        compile=False,  # compiling takes longer than these few steps
    ),
    "laptop": LAPTOP,
    "paper": replace(
        LAPTOP,
        seeds=10,
        steps=300_000,
    ),
}
