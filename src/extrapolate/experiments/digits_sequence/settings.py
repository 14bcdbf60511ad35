"""What a person may choose, and the presets."""

from dataclasses import dataclass
from pathlib import Path

from extrapolate.errors import UserError
from extrapolate.experiments.common_options import device_option, names_option
from extrapolate.experiments.digits_sequence.models import KINDS
from extrapolate.experiments.options import at_least, option
from extrapolate.tasks import DIGIT_SEQUENCES

EMBEDDED = "scikit-learn"


def _data(text: str) -> str:
    """``scikit-learn``, or an existing folder."""
    if text != EMBEDDED and not Path(text).is_dir():
        raise UserError(f"{text}: no such folder; give one with MNIST's files, or {EMBEDDED}")
    return text


@dataclass(frozen=True)
class DigitsSequenceSettings:
    """Adam, rate 1e-2, squared error; trained on sequences of ``length`` images."""

    models: tuple[str, ...] = names_option("Models to train, separated by commas, of", list(KINDS), "model")
    tasks: tuple[str, ...] = names_option("What to learn, of", list(DIGIT_SEQUENCES), "task")
    data: str = option(f"{EMBEDDED}, or a folder with MNIST's files.", _data, metavar="DIR")
    seeds: int = option("Models of each kind and task; their seeds are 0, 1, 2, ...", at_least(1))
    steps: int = option("Training steps of each model.", at_least(1))
    evaluate_every: int = option("Steps between two evaluations.", at_least(1))
    batch: int = option("Sequences in a step.", at_least(1))
    longest: int = option(
        "Images in the longest sequences of the test: 1, 10, 100, ... up to it.", at_least(10)
    )
    device: str = device_option()

    @property
    def lengths(self) -> tuple[int, ...]:
        """The lengths that are tested."""
        return tuple(10**power for power in range(len(str(self.longest))))


PRESETS: dict[str, DigitsSequenceSettings] = {
    "smoke": DigitsSequenceSettings(
        models=("LSTM", "NAC"),
        tasks=("sum",),
        data=EMBEDDED,
        seeds=2,
        steps=4,
        evaluate_every=2,
        batch=2,
        longest=10,
        device="cpu",
    ),
    "laptop": DigitsSequenceSettings(
        models=("LSTM", "GRU", "RNN", "NAC", "NALU", "NAU"),
        tasks=tuple(DIGIT_SEQUENCES),
        data=EMBEDDED,
        seeds=5,
        steps=10_000,
        evaluate_every=500,
        batch=16,
        longest=1_000,
        device="cpu",
    ),
    "paper": DigitsSequenceSettings(
        models=tuple(KINDS),
        tasks=tuple(DIGIT_SEQUENCES),
        data=EMBEDDED,
        seeds=10,
        steps=100_000,
        evaluate_every=1_000,
        batch=128,
        longest=1_000,
        device="cpu",
    ),
}
