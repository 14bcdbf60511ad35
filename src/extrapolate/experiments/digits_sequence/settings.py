"""What a person may choose, and the presets."""

from dataclasses import dataclass

from extrapolate.experiments.common_options import names_option
from extrapolate.experiments.digit_images import EMBEDDED, DigitSettings
from extrapolate.experiments.digits_sequence.models import KINDS, REFERENCE
from extrapolate.experiments.options import at_least, option
from extrapolate.tasks import DIGIT_RULES, DigitRule

#: What may be asked for; the reference is always there.
MODELS = [name for name in KINDS if name != REFERENCE]


@dataclass(frozen=True, kw_only=True)
class DigitsSequenceSettings(DigitSettings):
    """Adam with a falling rate, squared error of every answer; trained on short sequences."""

    models: tuple[str, ...] = names_option("Models to train, separated by commas, of", MODELS, "model")
    tasks: tuple[str, ...] = names_option("What to learn, of", list(DIGIT_RULES), "task")
    steps: int = option("Training steps of each model; counting takes four times as many.", at_least(1))
    longest: int = option("Images in the longest sequences of the test, at most.", at_least(1))

    def lengths(self, rule: DigitRule) -> list[int]:
        """The lengths that ``rule`` is tested at."""
        return [length for length in rule.tested if length <= self.longest]


PRESETS: dict[str, DigitsSequenceSettings] = {
    "smoke": DigitsSequenceSettings(
        models=("LSTM", "NAU", "StochasticNMU"),
        tasks=("sum", "product"),
        data=EMBEDDED,
        seeds=2,
        steps=4,
        evaluate_every=2,
        batch=2,
        longest=10,
        device="cpu",
    ),
    "laptop": DigitsSequenceSettings(
        models=("LSTM", "NAC", "NALU", "NAU", "NMU", "StochasticNMU"),
        tasks=tuple(DIGIT_RULES),
        data=EMBEDDED,
        seeds=5,
        steps=6_000,
        evaluate_every=500,
        batch=16,
        longest=1_000,
        device="cpu",
    ),
    "paper": DigitsSequenceSettings(
        models=tuple(MODELS),
        tasks=tuple(DIGIT_RULES),
        data=EMBEDDED,
        seeds=10,
        steps=100_000,
        evaluate_every=1_000,
        batch=128,
        longest=1_000,
        device="cpu",
    ),
}
