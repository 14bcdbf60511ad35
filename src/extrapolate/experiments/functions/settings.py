"""What a person may choose, and the presets."""

from dataclasses import dataclass

from extrapolate.experiments.common_options import device_option, distance_option, names_option
from extrapolate.experiments.functions.models import RECURRENT, STATIC
from extrapolate.experiments.options import at_least, option
from extrapolate.tasks import SUM_FUNCTIONS


@dataclass(frozen=True, kw_only=True)
class FunctionsSettings:
    """Adam, squared error, penalty 10 on the units that state one; rate 1e-3 for vectors, 1e-2 for sequences.

    The published 100 inputs need millions of steps to tell two sums of which one is multiplied by the other apart;
    with fewer inputs the same happens in tens of thousands, which is what ``laptop`` runs. NAC and NALU reach their
    weights at infinity only, so that it judges at 1e-2. The published rates, batches and lengths are not known.
    """

    models: tuple[str, ...]
    functions: tuple[str, ...] = names_option(
        "Functions of the two sums, separated by commas, of", list(SUM_FUNCTIONS), "function"
    )
    seeds: int = option("Models of each kind and function; their seeds are 0, 1, 2, ...", at_least(1))
    steps: int = option("Training steps of each model.", at_least(10))
    evaluate_every: int = option("Steps between two evaluations.", at_least(1))
    in_features: int = option("Inputs; each of the two sums is over a quarter of them.", at_least(8))
    hidden: int = option("Units between the layers of networks that are not arithmetic.", at_least(1))
    batch: int = option("Samples in a step.", at_least(1))
    samples: int = option("Samples of the validation set, and of the extrapolation set.", at_least(2))
    epsilon: float = distance_option()
    device: str = device_option()
    compile: bool = True


@dataclass(frozen=True, kw_only=True)
class StaticSettings(FunctionsSettings):
    """Vectors."""

    models: tuple[str, ...] = names_option("Models to train, separated by commas, of", list(STATIC), "model")


@dataclass(frozen=True, kw_only=True)
class RecurrentSettings(FunctionsSettings):
    """Sequences."""

    models: tuple[str, ...] = names_option(
        "Models to train, separated by commas, of", list(RECURRENT), "model"
    )


STATIC_PRESETS: dict[str, StaticSettings] = {
    "smoke": StaticSettings(
        models=("Linear", "NALU"),
        functions=("add", "mul"),
        seeds=2,
        steps=20,
        evaluate_every=10,
        in_features=8,
        hidden=4,
        batch=8,
        samples=50,
        epsilon=1e-2,
        device="cpu",
        compile=False,  # compiling takes longer than these few steps
    ),
    "laptop": StaticSettings(
        models=tuple(STATIC),
        functions=tuple(SUM_FUNCTIONS),
        seeds=10,
        steps=60_000,
        evaluate_every=1_000,
        in_features=16,
        hidden=32,
        batch=64,
        samples=1_000,
        epsilon=1e-2,
        device="cpu",
    ),
    "paper": StaticSettings(
        models=tuple(STATIC),
        functions=tuple(SUM_FUNCTIONS),
        seeds=20,
        steps=5_000_000,
        evaluate_every=5_000,
        in_features=100,
        hidden=100,
        batch=128,
        samples=2_000,
        epsilon=1e-5,
        device="cpu",
    ),
}

RECURRENT_PRESETS: dict[str, RecurrentSettings] = {
    "smoke": RecurrentSettings(
        models=("LSTM", "NALU"),
        functions=("mul",),
        seeds=2,
        steps=10,
        evaluate_every=5,
        in_features=8,
        hidden=4,
        batch=8,
        samples=10,
        epsilon=1e-2,
        device="cpu",
        compile=False,
    ),
    "laptop": RecurrentSettings(
        models=tuple(RECURRENT),
        functions=tuple(SUM_FUNCTIONS),
        seeds=8,
        steps=20_000,
        evaluate_every=500,
        in_features=10,
        hidden=8,
        batch=32,
        samples=50,
        epsilon=1e-2,
        device="cpu",
    ),
    "paper": RecurrentSettings(
        models=tuple(RECURRENT),
        functions=tuple(SUM_FUNCTIONS),
        seeds=20,
        steps=100_000,
        evaluate_every=1_000,
        in_features=10,
        hidden=100,
        batch=128,
        samples=500,
        epsilon=1e-5,
        device="cpu",
    ),
}
