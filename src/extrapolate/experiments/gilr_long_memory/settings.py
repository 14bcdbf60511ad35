"""What a person may choose, and the presets."""

from dataclasses import dataclass, replace

from extrapolate.experiments.common_options import device_option, names_option, numbers_option, rate_option
from extrapolate.experiments.gilr_long_memory.models import KINDS
from extrapolate.experiments.options import at_least, option


@dataclass(frozen=True)
class LongMemorySettings:
    """Adam, the binary cross-entropy of the answer after the last symbol; fresh sequences in every iteration."""

    models: tuple[str, ...] = names_option("Networks to train, separated by commas, of", list(KINDS), "model")
    lengths: tuple[int, ...] = numbers_option("Lengths of the sequences, separated by commas.", 2)
    lstm_lengths: tuple[int, ...] = numbers_option(
        "Those of them at which the LSTM is trained too, where it is among the models.", 2
    )
    seeds: int = option("Models of each kind; their seeds are 0, 1, 2, ...", at_least(1))
    seeds_alone: int = option("Of those, how many at lengths where no LSTM is trained.", at_least(1))
    iterations: int = option(
        "Iterations after which a GILR-LSTM that has not converged is given up.", at_least(1)
    )
    lstm_iterations: int = option("The same for an LSTM.", at_least(1))
    longest: int = option("Steps of the one sequence that measures memory.", at_least(2))
    longest_iterations: int = option("Iterations at that length, of one GILR-LSTM.", at_least(1))
    hidden: int = option("Units of each of the two layers.", at_least(1))
    hidden_alone: int = option("The same at lengths where no LSTM is trained.", at_least(1))
    rate: float = rate_option("Learning rate.")
    rate_alone: float = rate_option("The same at lengths where no LSTM is trained.")
    batch: int = option("Sequences an iteration.", at_least(1))
    device: str = device_option()


LAPTOP = LongMemorySettings(
    models=tuple(KINDS),
    lengths=(1_024, 8_192, 65_536),
    lstm_lengths=(1_024, 8_192),
    seeds=5,
    seeds_alone=2,
    iterations=600,
    lstm_iterations=1_200,  # one takes about half the time
    longest=2**20,
    longest_iterations=3,
    hidden=32,
    hidden_alone=16,
    rate=0.003,
    rate_alone=0.01,
    batch=8,
    device="cpu",
)

PRESETS: dict[str, LongMemorySettings] = {
    "smoke": replace(
        LAPTOP,
        lengths=(32,),
        lstm_lengths=(32,),
        seeds=2,
        iterations=4,
        lstm_iterations=4,
        longest=64,
        longest_iterations=1,
        hidden=4,
        hidden_alone=4,
        batch=2,
    ),
    "laptop": LAPTOP,
    "paper": replace(
        LAPTOP,
        lengths=(1_024, 8_192, 2**20),
        seeds_alone=5,
        iterations=20_000,
        lstm_iterations=20_000,
        longest_iterations=20,
        hidden=512,
        hidden_alone=512,
        rate_alone=0.003,
    ),
}
