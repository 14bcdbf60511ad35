"""What a person may choose, and the presets."""

from dataclasses import dataclass, replace

from extrapolate.experiments.common_options import device_option, names_option, ranges_option
from extrapolate.experiments.options import at_least, option
from extrapolate.experiments.single_module.units import UNITS
from extrapolate.tasks import OPERATIONS, PUBLISHED_RANGES, RangePair


@dataclass(frozen=True)
class SingleModuleSettings:
    """The published protocol unless said otherwise: Adam, rate 1e-3, squared error, batch 128, fresh samples."""

    units: tuple[str, ...] = names_option("Units to train, separated by commas, of", list(UNITS), "unit")
    operations: tuple[str, ...] = names_option("Operations to learn, of", list(OPERATIONS), "operation")
    ranges: tuple[RangePair, ...] = ranges_option()
    seeds: int = option("Models per unit, operation and range; their seeds are 0, 1, 2, ...", at_least(1))
    steps: int = option("Training steps of each model.", at_least(10))
    evaluate_every: int = option("Steps between two evaluations.", at_least(1))
    in_features: int = option("Inputs of the unit; the first two matter, the others mislead.", at_least(2))
    batch: int = option("Samples in a step.", at_least(1))
    samples: int = option("Samples of the validation set, and of the extrapolation set.", at_least(2))
    device: str = device_option()
    compile: bool = True


def _preset(
    units: tuple[str, ...], operations: tuple[str, ...], ranges: tuple[RangePair, ...], seeds: int
) -> SingleModuleSettings:
    return SingleModuleSettings(
        units=units,
        operations=operations,
        ranges=ranges,
        seeds=seeds,
        steps=50_000,
        evaluate_every=1_000,
        in_features=2,
        batch=128,
        samples=10_000,
        device="cpu",
    )


MULTIPLIERS = ("NMU", "StochasticNMU", "BatchStochasticNMU", "NACMul", "NALU", "MLP")

PRESETS: dict[str, SingleModuleSettings] = {
    "smoke": SingleModuleSettings(
        units=("NMU", "StochasticNMU"),
        operations=("mul",),
        ranges=PUBLISHED_RANGES[5:7],
        seeds=3,
        steps=300,
        evaluate_every=100,
        in_features=2,
        batch=128,
        samples=1_000,
        device="cpu",
        compile=False,  # compiling takes longer than these few steps
    ),
    "laptop": _preset(MULTIPLIERS, ("mul",), PUBLISHED_RANGES, seeds=25),
    "paper": _preset(tuple(UNITS), tuple(OPERATIONS), PUBLISHED_RANGES, seeds=25),
}

#: Every unit on every operation: the grid of the Primer's figures.
GRID_PRESETS: dict[str, SingleModuleSettings] = {
    "smoke": replace(PRESETS["smoke"], units=tuple(UNITS), operations=tuple(OPERATIONS), seeds=1, steps=20),
    "laptop": replace(PRESETS["paper"], seeds=10),
    "paper": PRESETS["paper"],
}
