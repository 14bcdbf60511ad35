"""What a person may choose, and the presets."""

from dataclasses import dataclass

from extrapolate.experiments.arithmetic_dataset.models import NETWORKS
from extrapolate.experiments.common_options import (
    device_option,
    distance_option,
    names_option,
    ranges_option,
)
from extrapolate.experiments.options import at_least, option
from extrapolate.tasks import PUBLISHED_RANGES, RangePair


@dataclass(frozen=True)
class ArithmeticDatasetSettings:
    """Adam, rate 1e-3, squared error, penalty 10.

    The published 100 inputs need millions of steps to tell the two sums apart; with fewer inputs the same
    happens in a hundred thousand, which is what ``laptop`` runs. Adam's own steps then keep few weights within
    1e-5, so that it judges at 1e-4.
    """

    networks: tuple[str, ...] = names_option(
        "Networks to train, separated by commas, of", list(NETWORKS), "network"
    )
    ranges: tuple[RangePair, ...] = ranges_option()
    seeds: int = option("Models per network and range; their seeds are 0, 1, 2, ...", at_least(1))
    steps: int = option("Training steps of each model.", at_least(10))
    penalty_start: int = option("Step from which on the penalty (10) grows.", at_least(0))
    penalty_end: int = option("Step at which it is whole.", at_least(1))
    evaluate_every: int = option("Steps between two evaluations.", at_least(1))
    in_features: int = option("Inputs; each of the two subsets holds a quarter of them.", at_least(8))
    batch: int = option("Samples in a step.", at_least(1))
    samples: int = option("Samples of the validation set, and of the extrapolation set.", at_least(2))
    epsilon: float = distance_option()
    device: str = device_option()
    compile: bool = True


PRESETS: dict[str, ArithmeticDatasetSettings] = {
    "smoke": ArithmeticDatasetSettings(
        networks=("NAU-NMU", "NAU-StochasticNMU"),
        ranges=PUBLISHED_RANGES[6:7],
        seeds=2,
        steps=60,
        penalty_start=20,
        penalty_end=40,
        evaluate_every=20,
        in_features=16,
        batch=32,
        samples=200,
        epsilon=1e-4,
        device="cpu",
        compile=False,  # compiling takes longer than these few steps
    ),
    "laptop": ArithmeticDatasetSettings(
        networks=tuple(NETWORKS),
        ranges=PUBLISHED_RANGES,
        seeds=10,
        steps=150_000,
        penalty_start=75_000,
        penalty_end=100_000,
        evaluate_every=500,
        in_features=16,
        batch=128,
        samples=2_000,
        epsilon=1e-4,
        device="cpu",
    ),
    "paper": ArithmeticDatasetSettings(
        networks=tuple(NETWORKS),
        ranges=PUBLISHED_RANGES,
        seeds=20,
        steps=5_000_000,
        penalty_start=1_000_000,
        penalty_end=2_000_000,
        evaluate_every=5_000,
        in_features=100,
        batch=128,
        samples=10_000,
        epsilon=1e-5,
        device="cpu",
    ),
}
