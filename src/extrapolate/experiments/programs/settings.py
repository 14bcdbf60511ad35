"""What a person may choose, and the presets."""

from dataclasses import dataclass, replace

from extrapolate.errors import UserError
from extrapolate.experiments.common_options import device_option, names_option
from extrapolate.experiments.options import at_least, option
from extrapolate.experiments.programs.models import KINDS, LARGEST
from extrapolate.tasks.programs import SCRIPTS

READINGS = ("whole", "digits")

#: How many times larger than in training the numbers of the tests are.
TIMES = (1, 10, 100)


def _reading(text: str) -> str:
    """One of ``READINGS``."""
    if text not in READINGS:
        raise UserError(f"{text!r} is not a way to read numbers: choose from {', '.join(READINGS)}")
    return text


def _limit(text: str) -> int:
    """A whole number such that the products of the test are no larger than what a unit may keep."""
    limit, most = at_least(2)(text), int(LARGEST**0.5) // TIMES[-1]
    if limit > most:
        raise UserError(f"{limit} is too large: it must be at most {most}")
    return limit


@dataclass(frozen=True)
class ProgramsSettings:
    """Adam, rate 1e-2, root mean squared error in units of what an answer can reach."""

    models: tuple[str, ...] = names_option("Models to train, separated by commas, of", list(KINDS), "model")
    tasks: tuple[str, ...] = names_option("What to evaluate, of", list(SCRIPTS), "task")
    numbers: str = option(
        f"How a number is read: {' or '.join(READINGS)}; whole is in one step, with its value.",
        _reading,
        metavar="HOW",
    )
    limit: int = option("Numbers in training are below it; at test up to 100 times larger.", _limit)
    seeds: int = option("Models of each kind and task; their seeds are 0, 1, 2, ...", at_least(1))
    steps: int = option("Training steps of each model.", at_least(1))
    evaluate_every: int = option("Steps between two evaluations.", at_least(1))
    batch: int = option("Programs in a step.", at_least(1))
    samples: int = option("Programs of the validation set, and of each test.", at_least(2))
    hidden: int = option("Size of the cell's state.", at_least(1))
    device: str = device_option()


LAPTOP = ProgramsSettings(
    models=tuple(KINDS),
    tasks=tuple(SCRIPTS),
    numbers="whole",
    limit=10,
    seeds=6,
    steps=2_500,
    evaluate_every=250,
    batch=64,
    samples=1_000,
    hidden=32,
    device="cpu",
)

PRESETS: dict[str, ProgramsSettings] = {
    "smoke": replace(
        LAPTOP,
        models=("LSTM", "LSTM-NALU"),
        tasks=("add",),
        seeds=2,
        steps=4,
        evaluate_every=2,
        batch=4,
        samples=10,
        hidden=8,
    ),
    "laptop": LAPTOP,
    "paper": replace(
        LAPTOP,
        limit=100,
        seeds=10,
        steps=100_000,
        evaluate_every=1_000,
        batch=128,
        samples=10_000,
        hidden=64,
    ),
}
