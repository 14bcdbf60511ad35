"""What a person may choose, and the presets."""

from dataclasses import dataclass, replace

from extrapolate.experiments.common_options import device_option, names_option
from extrapolate.experiments.grid_time.models import CLOCKS
from extrapolate.experiments.options import at_least, option


@dataclass(frozen=True)
class GridTimeSettings:
    """Advantage actor-critic, Adam, rate 3e-3; T from 5 to 12 in training, on a grid of 5 × 5."""

    agents: tuple[str, ...] = names_option("Agents to train, separated by commas, of", list(CLOCKS), "agent")
    seeds: int = option("Agents of each kind; their seeds are 0, 1, 2, ...", at_least(1))
    steps: int = option("Training steps of each agent.", at_least(1))
    evaluate_every: int = option("Steps between two evaluations.", at_least(1))
    batch: int = option("Episodes side by side in a step.", at_least(1))
    episodes: int = option("Episodes that each T is tested with.", at_least(1))
    latest: int = option("The greatest T of the test.", at_least(12))
    hidden: int = option("Size of the LSTM's state.", at_least(1))
    device: str = device_option()


LAPTOP = GridTimeSettings(
    agents=tuple(CLOCKS),
    seeds=8,
    steps=6_000,
    evaluate_every=250,
    batch=64,
    episodes=400,
    latest=25,
    hidden=32,
    device="cpu",
)

PRESETS: dict[str, GridTimeSettings] = {
    "smoke": replace(
        LAPTOP,
        agents=("LSTM", "LSTM-NAC"),
        seeds=2,
        steps=4,
        evaluate_every=2,
        batch=4,
        episodes=10,
        latest=13,
        hidden=8,
    ),
    "laptop": LAPTOP,
    "paper": replace(
        LAPTOP,
        seeds=10,
        steps=50_000,
        evaluate_every=500,
        batch=128,
        episodes=1_000,
        hidden=64,
    ),
}
