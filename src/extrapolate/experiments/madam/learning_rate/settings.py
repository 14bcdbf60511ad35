"""What a person may choose, and the presets."""

from dataclasses import dataclass, replace

from extrapolate.errors import UserError
from extrapolate.experiments.common_options import device_option, names_option
from extrapolate.experiments.madam.optimizers import OPTIMIZERS
from extrapolate.experiments.madam.problems import PROBLEMS
from extrapolate.experiments.options import at_least, option

#: From 1e-4 to 1, two a power of ten.
RATES = tuple(float(f"{10 ** (power / 2):.3g}") for power in range(-8, 1))


def _rates(text: str) -> tuple[float, ...]:
    try:
        rates = tuple(sorted({float(part) for part in text.split(",") if part.strip()}))
    except ValueError:
        raise UserError(f"{text!r} holds something that is no number") from None
    if not rates or not 0 < rates[0] <= rates[-1] < float("inf"):
        raise UserError("learning rates are numbers above 0, separated by commas, such as 0.001,0.01")
    return rates


def _written(rates: tuple[float, ...]) -> str:
    return ",".join(f"{rate:g}" for rate in rates)


@dataclass(frozen=True)
class LearningRateSettings:
    """Each optimizer at each learning rate on each problem; the rate a tenth for the last 30 % of the steps."""

    problems: tuple[str, ...] = names_option("Problems, separated by commas, of", list(PROBLEMS), "problem")
    optimizers: tuple[str, ...] = names_option(
        "Optimizers, separated by commas, of", list(OPTIMIZERS), "optimizer"
    )
    rates: tuple[float, ...] = option(
        "Learning rates, separated by commas.", _rates, _written, metavar="RATES"
    )
    seeds: int = option("Models at each rate; their seeds are 0, 1, 2, ...", at_least(1))
    steps: int = option("Training steps of each model.", at_least(10))
    device: str = device_option()


LAPTOP = LearningRateSettings(
    problems=tuple(PROBLEMS),
    optimizers=tuple(OPTIMIZERS),
    rates=RATES,
    seeds=3,
    steps=1_000,
    device="cpu",
)

PRESETS: dict[str, LearningRateSettings] = {
    "smoke": replace(
        LAPTOP,
        problems=("digits-depth-2", "text-lstm"),
        optimizers=("Madam", "SGD"),
        rates=(0.01, 0.1),
        seeds=1,
        steps=10,
    ),
    "laptop": LAPTOP,
    "paper": replace(
        LAPTOP,
        seeds=5,
        steps=10_000,
    ),
}
