"""What a person may choose, and the presets."""

from dataclasses import dataclass, replace

from extrapolate.experiments.common_options import device_option, names_option, ranges_option
from extrapolate.experiments.options import at_least, option
from extrapolate.experiments.single_module.settings import SingleModuleSettings
from extrapolate.experiments.single_module.units import UNITS
from extrapolate.tasks import OPERATIONS, PUBLISHED_RANGES, RangePair

#: The optimizers that each unit is trained with; Adam as in its published recipe.
OPTIMIZERS = ("Adam", "Madam")


@dataclass(frozen=True)
class ArithmeticSettings:
    """The Single Module Task as published, and again with Madam at 0.01 in Adam's place."""

    units: tuple[str, ...] = names_option("Units to train, separated by commas, of", list(UNITS), "unit")
    operations: tuple[str, ...] = names_option(
        "Operations to learn, each by the units that can represent it, of", list(OPERATIONS), "operation"
    )
    ranges: tuple[RangePair, ...] = ranges_option()
    seeds: int = option(
        "Models per unit, operation, range and optimizer; their seeds are 0, 1, ...", at_least(1)
    )
    steps: int = option("Training steps of each model.", at_least(10))
    device: str = device_option()
    compile: bool = True

    def single_module(self) -> SingleModuleSettings:
        """The published protocol with these units, ranges, seeds and steps."""
        return SingleModuleSettings(
            units=self.units,
            operations=self.operations,
            ranges=self.ranges,
            seeds=self.seeds,
            steps=self.steps,
            evaluate_every=max(1, self.steps // 50),
            in_features=2,
            batch=128,
            samples=10_000,
            device=self.device,
            compile=self.compile,
        )


LAPTOP = ArithmeticSettings(
    units=("NAC", "NAU", "NMU", "StochasticNMU", "NACMul", "NALU"),
    operations=("add", "sub", "mul"),
    ranges=PUBLISHED_RANGES,
    seeds=10,
    steps=50_000,
    device="cpu",
)

PRESETS: dict[str, ArithmeticSettings] = {
    "smoke": replace(
        LAPTOP,
        units=("NMU",),
        operations=("mul",),
        ranges=PUBLISHED_RANGES[6:7],
        seeds=2,
        steps=20,
        compile=False,  # compiling takes longer than these few steps
    ),
    "laptop": LAPTOP,
    "paper": replace(
        LAPTOP,
        units=tuple(UNITS),
        operations=tuple(OPERATIONS),
        seeds=25,
    ),
}
